//! backend

fn main() {}
