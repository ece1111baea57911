//! The command line.

mod cli;

use std::process::ExitCode;

use clap::Parser as _;

/// A request makes many small allocations, which cost this one half as much as the C library's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The start needs more memory than what follows. By default what is free is given back some time later, but
/// only by a thread that then allocates, and an idle server has none.
fn give_memory_back_at_once() {
    /// `mi_option_purge_delay` of `mimalloc.h`, which the bindings do not name.
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
    #[expect(unsafe_code, reason = "the allocator's options have no safe interface")]
    // SAFETY: no other thread runs yet, and every delay is valid.
    unsafe {
        libmimalloc_sys::mi_option_set(PURGE_DELAY, 0);
    }
}

fn main() -> ExitCode {
    give_memory_back_at_once();
    let command = cli::Cli::parse();
    match cli::run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("yuyue: {reason}");
            ExitCode::FAILURE
        }
    }
}
