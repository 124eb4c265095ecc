//! Pages of Markdown: blocks, code spans and tables.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// A path from the top of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A fenced block: its language and its content, without indentation.
pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) text: String,
}

/// All fenced blocks of a page, and the page without them.
pub(crate) fn blocks(page: &str) -> (Vec<Block>, String) {
    let (mut found, mut prose, mut open) = (Vec::new(), String::new(), None::<(Block, usize)>);
    for line in page.lines() {
        let content = line.trim_start();
        open = match (open, content.strip_prefix("```")) {
            (None, Some(language)) => {
                let block = Block { language: language.to_owned(), text: String::new() };
                Some((block, line.len() - content.len()))
            }
            (None, None) => {
                prose.push_str(line);
                prose.push('\n');
                None
            }
            (Some((block, _)), Some("")) => {
                found.push(block);
                None
            }
            (Some((mut block, indentation)), _) => {
                block.text.push_str(line.get(indentation..).unwrap_or_default());
                block.text.push('\n');
                Some((block, indentation))
            }
        };
    }
    assert!(open.is_none(), "a block has no end");
    (found, prose)
}

/// Commands of all shell blocks, continued lines joined.
pub(crate) fn shell(page: &str) -> Vec<String> {
    let blocks = blocks(page).0.into_iter().filter(|block| block.language == "sh");
    let lines = blocks.flat_map(|block| {
        let joined = block.text.replace("\\\n", " ");
        joined.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    });
    lines.filter(|line| !line.is_empty()).collect()
}

/// Code spans of the prose, and lines indented by four spaces, that begin with the name of a program and have at least two further words:
/// a name of a command alone, such as `countersign verify`, is none.
pub(crate) fn commands_in_prose(page: &str) -> Vec<String> {
    const PROGRAMS: [&str; 10] =
        ["bash", "cargo", "countersign", "curl", "deploy/build.sh", "helm", "kubectl", "notation", "openssl", "podman"];
    let prose = blocks(page).1;
    let indented = prose.lines().filter_map(|line| line.strip_prefix("    ")).map(str::to_owned);
    let spans = prose.split('`').skip(1).step_by(2).map(|span| span.split_whitespace().collect::<Vec<_>>().join(" "));
    let is_command = |text: &String| {
        let words: Vec<_> = text.split(' ').collect();
        words.len() > 2 && PROGRAMS.contains(&words[0])
    };
    indented.chain(spans).filter(is_command).collect()
}

/// The cells of every row of the first table at or below a text.
pub(crate) fn rows_below(page: &str, text: &str) -> Vec<Vec<String>> {
    let at = page.find(text).unwrap_or_else(|| panic!("no {text:?}"));
    let table = page[at..].lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = |line: &str| line[1..line.len() - 1].split('|').map(|cell| cell.trim().to_owned()).collect();
    table.skip(2).map(cells).collect()
}

#[test]
fn reads_blocks_commands_and_tables() {
    let page = "Run `cargo x z`, `cargo x` or `x`:\n\n    cargo y --a\n\n- a\n\n  ```sh\n  a \\\n    b\n\n  c\n  ```\n\n| a | b |\n| - | - |\n| 1 | 2 |\n";
    assert_eq!(shell(page), ["a b", "c"]);
    assert_eq!(commands_in_prose(page), ["cargo y --a", "cargo x z"]);
    assert_eq!(rows_below(page, "| a"), [["1", "2"]]);
}
