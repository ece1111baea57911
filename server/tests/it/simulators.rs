//! docs/simulators.md says which refusals each simulator knows; the sources say the same.

use std::collections::BTreeSet;
use std::path::Path;

const PAGE: &str = include_str!("../../../docs/simulators.md");

/// The page's heading, and the simulator's files or folders.
const SIMULATORS: [(&str, &[&str]); 5] = [
    ("Aliyun SMS and voice", &["sms_simulator.rs", "sms_simulator/gateway.rs"]),
    ("WeChat", &["wechat_simulator/official.rs", "wechat_simulator/official"]),
    ("The visitors' WeChat cloud service", &["wechat_simulator/cloud.rs"]),
    ("WeChat Pay", &["wechat_pay_simulator.rs", "wechat_pay_simulator"]),
    ("The bucket (S3)", &["s3_simulator.rs"]),
];

/// The text of a file, or of those in a folder, without tests.
fn source(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/adapters").join(name);
    if path.is_file() {
        return std::fs::read_to_string(path).unwrap();
    }
    let files = std::fs::read_dir(path).unwrap().map(|file| file.unwrap());
    let files = files.filter(|file| file.file_name() != "tests.rs" && file.path().is_file());
    files.map(|file| std::fs::read_to_string(file.path()).unwrap()).collect()
}

/// The codes with which a source refuses: the first text in the call, else its number.
fn refusals(source: &str) -> BTreeSet<String> {
    let calls = ["business(", "Refusal::new(", "Refusal(", "Self(", "failure("]
        .iter()
        .flat_map(|call| source.match_indices(call).map(|(at, call)| source[at + call.len()..].trim_start()));
    calls.filter_map(code).collect()
}

fn code(arguments: &str) -> Option<String> {
    let mut parts = arguments.split(',').map(str::trim);
    let first = parts.next()?;
    let quoted = |part: &str| Some(part.strip_prefix('"')?.split('"').next()?.to_owned());
    let is_code = |text: &String| text.bytes().all(|byte| byte.is_ascii_graphic());
    // Else it is the status of HTTP.
    let number = first.replace('_', "").parse::<i64>().ok().filter(|code| !(100..600).contains(code));
    let second = parts.next().and_then(quoted).filter(is_code);
    let is_name = |text: &String| text.starts_with(|c: char| c.is_ascii_uppercase());
    quoted(first).or(second.filter(is_name)).or(number.map(|number| number.to_string()))
}

#[test]
fn the_page_lists_what_the_simulators_refuse() {
    for (heading, files) in SIMULATORS {
        let section =
            PAGE.split("\n## ").find(|section| section.starts_with(&format!("{heading}\n"))).unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        let listed: BTreeSet<String> = rows.map(str::to_owned).collect();
        let known = refusals(&files.iter().map(|file| source(file)).collect::<String>());
        assert!(!known.is_empty(), "{heading}");
        assert_eq!(listed, known, "{heading}");
    }
}
