//! backend-for-frontend

fn main() {}
