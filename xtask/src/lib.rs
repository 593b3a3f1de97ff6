//! The tool behind `cargo xtask`. `ARCHITECTURE.md` is the map.
//!
//! It is a library so that tests and fuzz targets reach its parsers; its one user
//! is the binary beside it.

pub mod cli;
pub mod commands;
pub mod console;
pub mod delivery;
pub mod error;
pub mod files;
pub mod image;
pub mod oci;
pub mod parallel;
pub mod parameters;
pub mod process;
pub mod promotion;
pub mod registry;
pub mod workspace;
