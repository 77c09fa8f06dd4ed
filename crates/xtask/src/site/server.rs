//! A static file server for looking at the site and for the end-to-end tests.
//!
//! It does what any static host does, no more: types by extension, `ETag`s, an optional sub-path. Nothing about the site
//! may depend on it.

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{IpAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    thread,
    time::{Duration, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, bail};

use crate::say;

/// How long a browser may be silent in the middle of a request or an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Most bytes of a request's head.
const LONGEST_HEAD: u64 = 64 << 10;
/// Tried first if no port is given.
const DEFAULT_PORT: u16 = 8080;

/// What the user asked for.
pub struct Options {
    /// Port; the next free one from [`DEFAULT_PORT`] if absent, any free one if 0.
    port: Option<u16>,
    /// Address to listen on.
    host: IpAddr,
    /// Path under which the site appears, with a slash at both ends.
    base: String,
    /// The folder to serve instead of `dist/`.
    pub folder: Option<PathBuf>,
    /// Whether to build a site that is out of date.
    pub build: bool,
}

impl Options {
    /// Reads the command line.
    pub fn parse(arguments: &[String]) -> Result<Self> {
        let mut options =
            Self { port: None, host: IpAddr::from([127, 0, 0, 1]), base: "/".to_owned(), folder: None, build: true };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} needs a value"));
            match word.as_str() {
                "--port" => options.port = Some(value()?.parse().context("--port needs a number up to 65535")?),
                "--host" => options.host = value()?.parse().context("--host needs an IP address such as 0.0.0.0")?,
                "--base" => options.base = format!("/{}/", value()?.trim_matches('/')).replace("//", "/"),
                "--dir" => options.folder = Some(PathBuf::from(value()?)),
                "--no-build" => options.build = false,
                _ => bail!("serve does not know {word:?}; it takes --port, --host, --base, --dir and --no-build"),
            }
        }
        Ok(options)
    }
}

/// Serves `folder` until the process is ended.
pub fn run(folder: &Path, options: &Options) -> Result<()> {
    let listener = listen(options)?;
    let address = listener.local_addr().context("the server has no address")?;
    say::line(format_args!("iNNspect is at http://{address}{}  (Ctrl+C ends it)", options.base.replace(' ', "%20")));
    serve(&listener, folder, &options.base);
    Ok(())
}

fn listen(options: &Options) -> Result<TcpListener> {
    let open = |port| TcpListener::bind((options.host, port));
    if let Some(port) = options.port {
        return open(port).with_context(|| format!("cannot listen on {}:{port}", options.host));
    }
    (DEFAULT_PORT..DEFAULT_PORT + 20)
        .find_map(|port| open(port).ok())
        .with_context(|| format!("no free port from {DEFAULT_PORT} on; give one with --port"))
}

/// Answers every connection on a thread of its own: a browser opens a handful, each for one file.
fn serve(listener: &TcpListener, folder: &Path, base: &str) {
    thread::scope(|scope| {
        for stream in listener.incoming().flatten() {
            // A browser that goes away in the middle of an answer is nothing to report.
            scope.spawn(move || answer(stream, folder, base).ok());
        }
    });
}

fn answer(mut stream: TcpStream, folder: &Path, base: &str) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let Some(request) = Request::read(&mut stream)? else { return Ok(()) };
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        return respond(&mut stream, "405 Method Not Allowed", "Allow: GET, HEAD\r\nContent-Length: 0\r\n");
    }
    let found = locate(&request.target, folder, base).and_then(|file| Some((fs::metadata(&file).ok()?, file)));
    let Some((about, file)) = found else {
        return respond(&mut stream, "404 Not Found", "Content-Length: 0\r\n");
    };
    let changed = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let tag = format!("\"{:x}-{:x}\"", about.len(), changed.as_nanos());
    if request.known.contains(&tag) {
        return respond(&mut stream, "304 Not Modified", &format!("ETag: {tag}\r\n"));
    }
    let content = File::open(&file)?;
    let headers = format!("ETag: {tag}\r\nContent-Type: {}\r\nContent-Length: {}\r\n", kind(&file), about.len());
    respond(&mut stream, "200 OK", &headers)?;
    if request.method == "GET" {
        io::copy(&mut content.take(about.len()), &mut stream)?;
    }
    Ok(())
}

fn respond(stream: &mut TcpStream, status: &str, headers: &str) -> io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\n{headers}Cache-Control: no-cache\r\nConnection: close\r\n\r\n")
}

/// What of a request matters to a static file.
struct Request {
    method: String,
    target: String,
    /// The value of `If-None-Match`.
    known: String,
}

impl Request {
    /// Reads the head of a request; nothing if it is none.
    fn read(stream: &mut TcpStream) -> io::Result<Option<Self>> {
        let mut lines = BufReader::new(stream.take(LONGEST_HEAD)).lines();
        let Some(first) = lines.next().transpose()? else { return Ok(None) };
        let mut words = first.split(' ');
        let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
        let mut request = Self { method: method.to_owned(), target: target.to_owned(), known: String::new() };
        for line in lines {
            let line = line?;
            match line.split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("If-None-Match") => {
                    request.known = value.trim().to_owned()
                }
                _ if line.is_empty() => return Ok(Some(request)),
                _ => {}
            }
        }
        Ok(None)
    }
}

/// The file that a request means; none outside the folder, none hidden.
fn locate(url: &str, folder: &Path, base: &str) -> Option<PathBuf> {
    let path = decode(url.split(['?', '#']).next()?)?;
    let path = path.strip_prefix(base)?;
    let mut file = folder.to_path_buf();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        if part.starts_with('.') || part.contains(['\\', ':', '\0']) {
            return None;
        }
        file.push(part);
    }
    if file.is_dir() {
        file.push("index.html");
    }
    file.is_file().then_some(file)
}

/// Percent decoding.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn kind(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "wasm" => "application/wasm",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "txt" | "md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::env;

    use super::*;

    /// A folder with a page, a module and something next to the folder that must stay private.
    fn site(name: &str) -> PathBuf {
        let root = env::temp_dir().join(format!("innspect-server-{name}-{}", std::process::id()));
        let folder = root.join("dist");
        fs::create_dir_all(folder.join("deep")).expect("a temporary folder");
        fs::write(root.join("secret"), "secret").expect("a file");
        fs::write(folder.join("index.html"), "page").expect("a file");
        fs::write(folder.join("deep/a b.wasm"), "module").expect("a file");
        folder
    }

    #[test]
    fn requests_stay_in_the_folder() {
        let folder = site("locate");
        let find = |url| locate(url, &folder, "/some/path/");
        assert_eq!(find("/some/path/?device=cpu"), Some(folder.join("index.html")));
        assert_eq!(find("/some/path/deep/a%20b.wasm"), Some(folder.join("deep/a b.wasm")));
        for refused in [
            "/",
            "/other",
            "/some/path/../secret",
            "/some/path/%2e%2e/secret",
            "/some/path/deep/..%5Csecret",
            "/some/path/%",
        ] {
            assert_eq!(find(refused), None, "{refused}");
        }
    }

    #[test]
    fn types_and_tags_go_over_the_wire() {
        let folder = site("wire");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        // It ends with the test program.
        thread::spawn(move || serve(&listener, &folder, "/"));
        let ask = |path: &str, more: &str| {
            let mut stream = TcpStream::connect(address).expect("the server");
            write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}\r\n").expect("a request");
            let mut text = String::new();
            stream.read_to_string(&mut text).expect("an answer");
            text
        };
        let module = ask("/deep/a%20b.wasm", "");
        assert!(
            module.starts_with("HTTP/1.1 200") && module.contains("application/wasm") && module.ends_with("module"),
            "{module}"
        );
        let tag = module.lines().find_map(|line| line.strip_prefix("ETag: ")).expect("a tag").to_owned();
        let again = ask("/deep/a%20b.wasm", &format!("If-None-Match: {tag}\r\n"));
        assert!(again.starts_with("HTTP/1.1 304"), "{again}");
        let missing = ask("/nothing", "");
        assert!(missing.starts_with("HTTP/1.1 404"), "{missing}");
        assert!(ask("/", "").ends_with("page"));
        // Connections that say nothing, or nonsense, hold nobody up.
        let silent: Vec<_> = (0..40).map(|_| TcpStream::connect(address).expect("the server")).collect();
        write!(&silent[0], "nonsense\r\n\r\n").expect("nonsense");
        assert!(ask("/", "").ends_with("page"));
    }

    #[test]
    fn the_command_line_is_read() {
        let parse = |text: &str| Options::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        let options = parse("--port 0 --base some/path --no-build").expect("known options");
        assert_eq!((options.port, options.base.as_str(), options.build), (Some(0), "/some/path/", false));
        assert_eq!(parse("--base /").expect("known").base, "/");
        assert!(parse("--port").is_err() && parse("--fast").is_err());
    }
}
