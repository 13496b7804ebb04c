//! What a server's catalogs say about tables, as data: enough to make the same table again under another name.
//!
//! Promises: everything here only reads; names come exactly as the catalogs hold them; SQL text in it is complete with
//! schemas, since the sessions' search path is empty.

mod parts;
mod row_hash;
mod table;

pub use parts::{
    Check, Column, Constraint, ForeignKey, Grant, Index, Policy, Publication, Sequence, SequenceBond, Statistics,
    Trigger,
};
pub use row_hash::Hashed;
pub use table::{Table, bonds, find, members, read, tables_of};
