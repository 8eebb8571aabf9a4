//! The test suite: one binary, a module a subject.

mod commands;
mod compiled;
mod derivations;
mod evaluate;
mod examples;
mod faults;
mod functions;
mod grammar;
mod interpreter;
mod kinks;
mod library;
mod papers;
mod points;
mod properties;
mod readme;
mod recognition;
mod references;
mod roundtrip;
mod rules;
mod tidy;
mod vector;
