//! The test suite: one binary, a module a subject.

mod commands;
mod derivations;
mod evaluate;
mod examples;
mod faults;
mod functions;
mod grammar;
mod hard;
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
mod stable;
mod tidy;
