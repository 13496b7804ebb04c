//! Every code of the language, once, with its one-line title. `explain CODE` and the documentation read this list.
//!
//! RG01 the file as text, RG02 the graph and what refers to it, RG03 templates and conditions, RG04 parameters and
//! secrets, RG05 fields and types, RG06 what the language has but this version has not.

macro_rules! codes {
    ($($name:ident $code:literal $title:literal)*) => {
        $(#[doc = $title] pub const $name: &str = $code;)*
        /// Code and title, in order.
        pub const ALL: &[(&str, &str)] = &[$(($code, $title)),*];
    };
}

codes! {
    YAML "RG0101" "The file is not valid YAML"
    UNKNOWN_KEY "RG0102" "A key that does not exist here"
    DUPLICATE_KEY "RG0103" "A key stands twice in one mapping"
    TWO_DOCUMENTS "RG0104" "The file holds more than one YAML document"
    TAB "RG0105" "A tab where YAML takes only spaces"
    ALIAS_BOMB "RG0106" "Aliases expand to more than a runbook may hold"
    FILE_TOO_LARGE "RG0107" "The file is larger than 8 MiB"
    NOT_UTF8 "RG0108" "The file is not UTF-8 text"
    DIRECTORY "RG0109" "A directory where a file was expected"
    MISSING_FILE "RG0110" "The file does not exist"
    UNQUOTED_TEMPLATE "RG0111" "A template without quotes around it"
    TOO_DEEP "RG0112" "The file is nested too deeply"
    UNREADABLE "RG0113" "The file cannot be read"
    NO_MAPPING "RG0114" "The file is empty or not a mapping"
    ODD_YAML "RG0115" "YAML that a runbook has no use for: tags, keys that are no text, infinite numbers"
    RESERVED_KEY "RG0116" "A key that regrow keeps for itself"

    DUPLICATE_ID "RG0201" "Two steps have one id"
    BAD_ID "RG0202" "An id of the wrong form"
    UNKNOWN_NEED "RG0203" "A step needs a step that does not exist"
    CYCLE "RG0204" "Steps need one another in a ring"
    NEEDS_FINALLY "RG0205" "A step needs a step of `finally`, or the other way round"
    FORGOTTEN_NEEDS "RG0206" "A changing step does not say what it needs"
    TOO_MANY_STEPS "RG0207" "More than 10,000 steps"
    UNKNOWN_STEP "RG0208" "A template refers to a step that does not exist"
    NOT_ANCESTOR "RG0209" "A template refers to a step that is not needed"
    UNKNOWN_OUTPUT "RG0210" "A template refers to an output that does not exist"
    SELF_OUTSIDE_VERIFY "RG0211" "`self` outside of `verify`"
    DUPLICATE_NEED "RG0212" "A step needs another one twice"
    BAD_KEY "RG0213" "The items of a step cannot be told apart"
    INCLUDE_RING "RG0214" "Files include one another in a ring"
    NOT_ON_INCLUDE "RG0215" "A key that cannot stand on an include"
    NOT_ON_BLOCK "RG0216" "A key that cannot stand on a block"
    NOT_IN_TRY "RG0217" "What cannot stand on a `try`, or on one of its ways"
    REPAIR_MISPLACED "RG0218" "A repair where none can be"
    IDLE_RETRY "RG0219" "A retry that never happens"
    UNKNOWN_HOLD "RG0241" "A step is under a hold that does not exist"
    IDLE_HOLD "RG0242" "No step is under a hold"
    HOLD_MISPLACED "RG0243" "`under` where no hold can be taken"
    HOLD_READ_CHANGES "RG0244" "`read` of a hold may change something"
    HALF_HELD "RG0245" "A drill would take a hold and not give it back, or the other way round"

    TEMPLATE_SYNTAX "RG0301" "A template that cannot be read"
    TEMPLATE_FORBIDDEN "RG0302" "A template where none is allowed"
    TEMPLATE_BLOCK "RG0303" "Block helpers, partials and decorators in a value"
    UNKNOWN_HELPER "RG0304" "A helper that does not exist"
    ARGUMENT_COUNT "RG0305" "A helper with too few or too many arguments"
    UNKNOWN_NAME "RG0306" "A name that does not exist in templates"
    VAGUE_REFERENCE "RG0307" "A reference that does not say which step it means"
    NOT_BOOLEAN "RG0308" "A condition that is not true or false"
    TEMPLATE_IN_SCRIPT "RG0309" "A template in a shell script"
    TEMPLATE_IN_SQL "RG0310" "A template in SQL text"
    TEMPLATE_LIMIT "RG0311" "A template that is too long or too deeply nested"
    ARGUMENT_TYPE "RG0312" "A helper's argument is of the wrong type"
    ENV_OUTSIDE_VARS "RG0313" "`env` outside of `vars`"
    VARS_RING "RG0314" "Variables that refer to one another in a ring"
    MISSING_VALUE "RG0320" "A value that a template asks for is not there"
    NOT_TEXT "RG0321" "A list, a map or nothing inside a longer text"
    ARITHMETIC "RG0322" "A number or a time out of range"
    SECRET_MISSING "RG0323" "A secret is not at hand"

    UNKNOWN_PARAM "RG0401" "A template refers to a parameter that does not exist"
    UNKNOWN_VAR "RG0402" "A template refers to a variable that does not exist"
    UNKNOWN_SECRET "RG0403" "A template refers to a secret that does not exist"
    URL_PASSWORD "RG0404" "A URL with a password in it"
    SECRET_MISPLACED "RG0405" "A secret in a field that takes none"
    SECRET_IN_CLEAR "RG0406" "A secret in clear text"
    PARAM_MISSING "RG0407" "A required parameter is not given"
    PARAM_TYPE "RG0408" "A parameter's value is of the wrong type"
    PARAM_ENUM "RG0409" "A parameter's value is none of the allowed ones"
    PARAM_PATTERN "RG0410" "A parameter's value does not match its pattern"
    PARAM_UNKNOWN "RG0411" "A parameter that the runbook does not have"
    BAD_PATTERN "RG0412" "A pattern that is no regular expression"
    PARAM_TWICE "RG0413" "A parameter is given twice and is no list"

    MISSING_FIELD "RG0501" "A required field is missing"
    WRONG_TYPE "RG0502" "A value of the wrong type"
    NOT_ALLOWED "RG0503" "A value that is none of the allowed ones"
    OUT_OF_RANGE "RG0504" "A number or duration out of range"
    UNKNOWN_KIND "RG0505" "A kind of step that does not exist"
    KIND_MISPLACED "RG0506" "A kind that cannot stand here"
    BAD_FORMAT "RG0507" "Text that does not have the form asked for"
    ONE_OF "RG0508" "Exactly one of several fields is needed"
    UNKNOWN_UNDO "RG0509" "An undo that the kind does not offer"
    UNKNOWN_OPERATOR "RG0510" "An operator that `expect` does not have"
    BAD_DURATION "RG0511" "A duration that cannot be read"
    BAD_TIMESTAMP "RG0512" "A timestamp that cannot be read"
    VERSION "RG0513" "A version of the language that this program does not speak"
    UNKNOWN_ROLE "RG0514" "A role that `responders` does not name"
    NOBODYS_ROLE "RG0515" "A role that nobody in the people file has"
    TOO_FEW_PEOPLE "RG0516" "More people are wanted than there are"
    DUPLICATE_ROLE "RG0517" "A person has one role twice"
    IN_PLACE_UNSAID "RG0518" "A change in place that is not said to be one"
    IN_PLACE_UNAPPROVED "RG0519" "A change in place without an approval"
    NOT_IN_PLACE "RG0520" "`in_place` on a step that keeps what it replaces"
    STUB "RG0521" "A stub puts out what its kind does not"

    KEY_LATER "RG0601" "A key that is not in this version"
    KIND_LATER "RG0602" "A kind that is not in this version"
    VALUE_LATER "RG0603" "A value that is not in this version"
}

/// The title of a code.
pub fn title(code: &str) -> Option<&'static str> {
    ALL.iter().find(|(known, _)| *known == code).map(|(_, title)| *title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_in_order() {
        assert!(ALL.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(title("RG0204"), Some("Steps need one another in a ring"));
    }
}
