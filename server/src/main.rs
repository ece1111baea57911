//! The command line.

mod cli;

use std::process::ExitCode;

use clap::Parser as _;

/// A request makes many small allocations, which cost this one half as much as the C library's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = cli::Cli::parse();
    match cli::run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("yuyue: {reason}");
            ExitCode::FAILURE
        }
    }
}
