//! The Content-Security-Policy of the page names the inline scripts that may run, by the hash of their text.
//!
//! Trunk writes one inline script, which starts the page's module; `www/index.html` cannot know its hash. It carries
//! [`TOKEN`] in the `script-src` of its policy instead.

use anyhow::{Result, bail};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};

/// Replaced by the hashes.
const TOKEN: &str = "__SCRIPT_HASHES__";

/// The page with its policy completed.
pub fn allow_inline_scripts(html: &str) -> Result<String> {
    if !html.contains("Content-Security-Policy") {
        bail!("www/index.html has no Content-Security-Policy meta tag");
    }
    if html.matches(TOKEN).count() != 1 {
        bail!("the Content-Security-Policy of www/index.html must have {TOKEN} in its script-src, once");
    }
    let hashes: Vec<String> = inline_scripts(html)
        .iter()
        .map(|text| format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text.as_bytes()))))
        .collect();
    Ok(html.replace(TOKEN, &hashes.join(" ")))
}

/// The texts of the scripts without `src`.
fn inline_scripts(html: &str) -> Vec<&str> {
    let mut texts = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find("<script") {
        rest = &rest[start + "<script".len()..];
        let Some(end) = rest.find('>') else { break };
        let (attributes, body) = rest.split_at(end);
        let Some(close) = body.find("</script") else {
            break;
        };
        if !attributes.split_whitespace().any(|attribute| attribute.starts_with("src=")) {
            texts.push(&body[1..close]);
        }
        rest = &body[close..];
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"<meta http-equiv="Content-Security-Policy" content="script-src 'self' __SCRIPT_HASHES__">"#;

    #[test]
    fn inline_scripts_are_allowed_by_their_hash() {
        let html = format!("{POLICY}<script src=\"a.js\"></script><script type=\"module\">alert(1)</script>");
        let allowed = allow_inline_scripts(&html).expect("a policy with the token");
        // printf 'alert(1)' | openssl dgst -sha256 -binary | base64
        assert!(
            allowed.contains("script-src 'self' 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='\""),
            "{allowed}"
        );
    }

    #[test]
    fn a_page_without_policy_is_refused() {
        let error = allow_inline_scripts("<script>alert(1)</script>").expect_err("no policy").to_string();
        assert!(error.contains("Content-Security-Policy"), "{error}");
        let error = allow_inline_scripts(&POLICY.replace(TOKEN, "")).expect_err("no token").to_string();
        assert!(error.contains(TOKEN), "{error}");
    }

    #[test]
    fn scripts_are_found_across_lines() {
        let html = "<script nonce=\"\"\n type=\"module\">\nimport init from './a.js';\n</script><p>text</p><script\nsrc='b.js'></script>";
        assert_eq!(inline_scripts(html), ["\nimport init from './a.js';\n"]);
    }
}
