//! On real servers: what was lost comes back, with all that hung on it; what must not happen does not.

mod carried;
mod crashes;
mod encrypted;
mod full;
mod measure;
mod modest;
mod proof;
mod refused;
mod stage;
mod swapped;
mod versions;
