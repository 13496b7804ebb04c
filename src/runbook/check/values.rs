//! Values that are more than text: SQL takes no templates but quoted names.

use crate::runbook::codes;
use crate::runbook::diagnostic::Report;
use crate::runbook::template::Expr;
use crate::runbook::tree::{Node, Tree};

/// In `sql`, values go through `values`; only `sql_name` may stand in the text.
pub fn sql(with: &Tree, report: &mut Report) {
    let mut found = Vec::new();
    with.walk(None, &mut |key, inner| {
        if let (Some(key), Node::Template(template)) = (key, &inner.node)
            && key.text == "sql"
        {
            found.extend(template.expressions().filter(|(expr, _)| !is_sql_name(expr)).map(|(_, span)| span));
        }
    });
    for span in found {
        let tag = report.source.slice(span).to_string();
        let help = format!(
            "write `$1` in the text and `values: ['{tag}']` beside it; for a name write `{{{{ sql_name … }}}}`"
        );
        report.error_help(codes::TEMPLATE_IN_SQL, span, "a template stands in SQL text", help);
    }
}

fn is_sql_name(expr: &Expr) -> bool {
    matches!(expr, Expr::Call(helper, _) if helper.name == "sql_name")
}
