//! The contract of the backend.
