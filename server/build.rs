//! Builds anew when the pages were: `src/web.rs` embeds what `make web` leaves in `web/dist`.

fn main() {
    println!("cargo::rerun-if-changed=../web/dist");
}
