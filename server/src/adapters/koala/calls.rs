//! The calls themselves, on a session.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use reqwest::Method;
use url::form_urlencoded::Serializer;
use url::{Position, Url};

use super::session::{Call, Said, Session, locked_out};
use super::wire::{Envelope, Subject, clipped, subjects};
use super::{KoalaError, KoalaErrorKind, NewVisitor};
use crate::adapters::http::BaseUrl;

/// What is asked for at once; the host's own default is ten.
const PAGE_SIZE: usize = 500;
/// Far more than an office has.
const MOST_PAGES: usize = 200;

/// Apart from its caller, because a serializer must not be held while waiting for the answer.
fn list_query(category: &str, name: &str, page: usize) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("category", category);
    if !name.is_empty() {
        query.append_pair("name", name);
    }
    query.append_pair("page", &page.to_string()).append_pair("size", &PAGE_SIZE.to_string());
    query.finish()
}

impl Session {
    /// The subjects of a category whose name contains `name`, in order of their ids.
    pub async fn list(&self, category: &str, name: &str) -> Result<Vec<Subject>, KoalaError> {
        let mut found = HashMap::new();
        let mut left_out = 0;
        for page in 1..=MOST_PAGES {
            let said = self.page(&list_query(category, name, page)).await?;
            let (rows, skipped) = subjects(said.data)
                .ok_or_else(|| KoalaError::new(KoalaErrorKind::Malformed, "the list is not Koala's"))?;
            let (known, seen) = (found.len(), rows.len() + skipped);
            left_out += skipped;
            found.extend(rows.into_iter().map(|subject| (subject.id, subject)));
            // The host may cap the size, or know no pages at all and repeat itself.
            let is_last = match said.page.and_then(|page| page.count) {
                Some(count) => found.len() + left_out >= count,
                None => seen < PAGE_SIZE,
            };
            let is_repeated = found.len() == known && skipped < seen;
            if is_last || is_repeated || seen == 0 {
                break;
            }
        }
        let mut found: Vec<Subject> = found.into_values().collect();
        found.sort_unstable_by_key(|subject| subject.id);
        Ok(found)
    }

    /// One page, from the path that this release of the host has.
    async fn page(&self, query: &str) -> Result<Envelope, KoalaError> {
        const PATHS: [&str; 2] = ["/subject/list", "/mobile-admin/subjects/list"];
        let mut paths = PATHS;
        if self.lists_the_old_way.load(Ordering::Relaxed) {
            paths.reverse();
        }
        for path in paths {
            if let Some(said) = self.call(&Call::get(path, Some(query))).await? {
                self.lists_the_old_way.store(path == PATHS[1], Ordering::Relaxed);
                return Ok(said);
            }
        }
        Err(KoalaError::new(KoalaErrorKind::Malformed, "the host has no list of subjects"))
    }

    pub async fn find_visitor(&self, visitor: &NewVisitor) -> Result<Option<i64>, KoalaError> {
        let found = self.list("visitor", &clipped(&visitor.name, 64)).await?;
        Ok(found.iter().rev().find(|subject| subject.is(visitor)).map(|subject| subject.id))
    }

    pub async fn create_visitor(&self, visitor: &NewVisitor) -> Result<i64, KoalaError> {
        let body = visitor.to_json();
        let creation = Call { method: Method::POST, body: Some(&body), ..Call::get("/subject", None) };
        let cookie = self.cookie(None).await?;
        let mut said = self.attempt(&creation, &cookie).await?;
        if matches!(said, Said::LoggedOut) {
            let cookie = self.cookie(Some(&cookie)).await?;
            // A web page is almost surely the login page; that nothing was written it does not prove.
            if let Some(id) = self.find_visitor(visitor).await? {
                return Ok(id);
            }
            said = self.attempt(&creation, &cookie).await?;
        }
        match said {
            Said::Done(said) => said.data["id"].as_i64().ok_or_else(|| {
                KoalaError::new(KoalaErrorKind::Malformed, "the host did not name the new subject")
            }),
            Said::LoggedOut => Err(locked_out()),
            Said::Absent => Err(KoalaError::new(KoalaErrorKind::Malformed, "the host takes no subjects")),
        }
    }

    pub async fn picture(&self, path: &str) -> Result<Vec<u8>, KoalaError> {
        let (base, path, query) = self.locate(path)?;
        let call = Call::get(&path, query.as_deref());
        let mut cookie = match base == self.base {
            true => Some(self.cookie(None).await?),
            // The cloud edition keeps its pictures elsewhere; who we are is none of its business.
            false => None,
        };
        for _ in 0..2 {
            let answer = self.fetch(&base, &call, cookie.as_deref()).await?;
            let is_page = answer.body.trim_ascii_start().starts_with(b"<");
            match answer.status {
                200 if !is_page => return Ok(answer.body),
                200 | 300..=399 | 401 => {}
                status @ 500.. => {
                    let reason = format!("the host answered {status}");
                    return Err(KoalaError::new(KoalaErrorKind::Unreachable, reason));
                }
                status => return Err(KoalaError::rejected(status.into(), "no such picture")),
            }
            let Some(stale) = cookie else { break };
            cookie = Some(self.cookie(Some(&stale)).await?);
        }
        Err(KoalaError::rejected(415, "a web page instead of a picture"))
    }

    /// Where a picture is: a path at the host, or a whole address.
    fn locate(&self, path: &str) -> Result<(BaseUrl, String, Option<String>), KoalaError> {
        let Ok(url) = Url::parse(path) else {
            let (path, query) =
                path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
            if path.trim_matches('/').is_empty() {
                return Err(KoalaError::rejected(404, "no picture"));
            }
            return Ok((self.base.clone(), path.to_owned(), query.map(str::to_owned)));
        };
        let origin = &url[..Position::BeforePath];
        let own =
            BaseUrl::parse(origin, true).ok().filter(|base| base.host_header() == self.base.host_header());
        let base = match own {
            Some(_) => self.base.clone(),
            None => BaseUrl::parse(origin, false)
                .map_err(|error| KoalaError::rejected(400, &format!("the picture's address: {error}")))?,
        };
        Ok((base, url.path().to_owned(), url.query().map(str::to_owned)))
    }
}
