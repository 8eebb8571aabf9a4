//! The test suite: one binary, a module a subject.

mod commands;
mod derivations;
mod evaluate;
mod examples;
mod faults;
mod forms;
mod functions;
mod grammar;
mod interpreter;
mod kinks;
mod library;
mod operations;
mod papers;
mod points;
mod properties;
mod random;
mod readme;
mod recognition;
mod references;
mod roundtrip;
mod rules;
mod soundness;
mod steps;
mod tidy;
