//! The server's own sources, for the tests that judge how it is built.

use std::path::{Path, PathBuf};

/// One file of `server/src`.
pub struct Source {
    /// Below `server/src`, with `/`.
    pub path: String,
    /// Without comments and unit tests; line numbers are kept.
    pub code: String,
}

/// Every file of `server/src`.
pub fn server() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let source = |file: PathBuf| {
        let path = file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        Source { path, code: without_comments_and_tests(&std::fs::read_to_string(&file).unwrap()) }
    };
    files.into_iter().map(source).filter(|source| !source.path.ends_with("tests.rs")).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Unit tests stand at the end of their file.
fn without_comments_and_tests(text: &str) -> String {
    let code = text.split("\n#[cfg(test)]\n").next().unwrap();
    let uncommented = |line: &str| {
        let is_comment = line.trim_start().starts_with("//");
        if is_comment { String::new() } else { line.split(" // ").next().unwrap().to_owned() }
    };
    code.lines().map(uncommented).collect::<Vec<_>>().join("\n")
}

/// Every path below `crate::` that the code names, such as `http::page::Page`.
pub fn crate_paths(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for (at, word) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_none_or(|before| !before.is_alphanumeric() && before != '_') {
            read_paths(&code[at + word.len()..], "", &mut paths);
        }
    }
    paths
}

/// Reads one path or group at the start of `code` and gives what follows it.
fn read_paths<'c>(code: &'c str, prefix: &str, paths: &mut Vec<String>) -> &'c str {
    let code = code.trim_start();
    if let Some(mut rest) = code.strip_prefix('{') {
        loop {
            rest = read_paths(rest, prefix, paths).trim_start();
            match rest.strip_prefix(',') {
                Some(more) if !more.trim_start().starts_with('}') => rest = more,
                Some(more) => return more.trim_start().strip_prefix('}').unwrap_or(more),
                None => return rest.strip_prefix('}').unwrap_or(rest),
            }
        }
    }
    let end = code.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '*').unwrap_or(code.len());
    let (name, mut rest) = code.split_at(end);
    let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}::{name}") };
    if let Some(deeper) = rest.strip_prefix("::")
        && deeper.trim_start().starts_with(|c: char| c.is_alphabetic() || matches!(c, '{' | '_' | '*'))
    {
        return read_paths(deeper, &path, paths);
    }
    paths.push(path.strip_suffix("::self").unwrap_or(&path).to_owned());
    if let Some(renamed) = rest.trim_start().strip_prefix("as ") {
        rest = renamed.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
    }
    rest
}
