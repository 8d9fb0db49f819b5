//! The page in a real browser: headless Chromium, where it is installed.

use std::path::Path;
use std::process::{Command, Stdio};

use mambalite::picture::Color;
use mambalite_hil_toolchain::find_program;

use super::night::night;
use super::*;

/// Said by the page in the browser: what it is of the matrix that can be seen, and what a user
/// does with a slider.
const PROBE: &str = r##"<script>
const box = document.getElementById("matrix").getBoundingClientRect();
const cells = [...document.querySelectorAll("#matrix .cell.good")].filter(c => c.offsetWidth > 10);
const over = document.documentElement.scrollWidth - document.documentElement.clientWidth;
const slider = document.querySelector(".compare.live input");
slider.value = 25; slider.dispatchEvent(new Event("input"));
const cut = slider.parentElement.style.getPropertyValue("--cut");
document.title = `matrix ${Math.round(box.width)} cells ${cells.length} over ${over} cut ${cut}`;
</script>"##;

/// Runs the browser on a page and returns its stdout and stderr.
fn browse(browser: &Path, folder: &Path, page: &Path, arguments: &[&str]) -> (String, String) {
    let output = Command::new("timeout")
        .args(["--kill-after=5", "100"])
        .arg(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
        ])
        .args([
            "--enable-logging=stderr",
            "--hide-scrollbars",
            "--no-first-run",
        ])
        .arg(format!(
            "--user-data-dir={}",
            folder.join("profile").display()
        ))
        .args(arguments)
        .arg(format!("file://{}", page.display()))
        .env("HOME", folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{}: {}",
        output.status,
        text(&output.stderr)
    );
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_browser_shows_a_night_of_ten_rigs() {
    let Some(browser) = find_program("chromium") else {
        println!("SKIP browser: chromium is not installed (Debian: chromium)");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    // MAMBALITE_REPORT_DIR keeps page and screenshot, for a look at them.
    let kept = std::env::var_os("MAMBALITE_REPORT_DIR").map(PathBuf::from);
    let dir = kept.map_or_else(|| folder.path().join("night"), |it| it.join("night"));
    let (report, trends) = night();
    let with_pictures =
        (0..report.boards.len()).filter(|&it| !report.boards[it].pictures.is_empty());
    let pictures: Vec<Images> = with_pictures.map(|it| images(it, true)).collect();
    let paths = write_with_trends(&dir, &report, &pictures, &trends).unwrap();
    let page = std::fs::read_to_string(&paths.html).unwrap();

    let probed = folder.path().join("probed.html");
    std::fs::write(&probed, page.replace("</body>", &format!("{PROBE}</body>"))).unwrap();
    let (dom, log) = browse(
        &browser,
        folder.path(),
        &probed,
        &["--window-size=1280,900", "--dump-dom"],
    );
    let title = dom
        .split("<title>")
        .nth(1)
        .and_then(|it| it.split('<').next())
        .unwrap();
    let words: Vec<&str> = title.split(' ').collect();
    let number = |idx: usize| words[idx].parse::<usize>().unwrap();
    assert!(number(1) > 900, "the matrix has its width: {title}");
    assert!(number(3) > 150, "its cells are seen: {title}");
    assert_eq!(number(5), 0, "nothing is wider than the window: {title}");
    assert_eq!(words[7], "25%", "the slider moves: {title}");
    let complaints = log.lines().filter(|line| line.contains("CONSOLE"));
    assert_eq!(complaints.collect::<Vec<_>>(), Vec::<&str>::new());

    let shot = dir.join("screenshot.png");
    let argument = format!("--screenshot={}", shot.display());
    browse(
        &browser,
        folder.path(),
        &paths.html,
        &["--window-size=1280,2600", &argument],
    );
    let picture = Picture::load(&shot, Color::Rgb).unwrap();
    assert_eq!((picture.width(), picture.height()), (1280, 2600));
    let has = |wanted: [u8; 3]| picture.data().chunks_exact(3).any(|it| it == wanted);
    assert!(
        has([0x11, 0x70, 0x3c]) && has([0xb0, 0x1c, 0x12]),
        "green and red are in the picture"
    );
}
