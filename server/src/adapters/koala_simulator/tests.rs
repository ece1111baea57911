use std::time::Duration;

use jiff::tz::TimeZone;
use reqwest::header::{CONTENT_TYPE, COOKIE, USER_AGENT};
use serde_json::json;

use super::*;
use crate::adapters::http::{BaseUrl, Http, HttpLimits};
use crate::adapters::koala::{Employee, ImageKind, Koala, KoalaError, KoalaErrorKind, NewVisitor};
use crate::clock::{HOUR, MINUTE, SECOND};

/// 2021-06-09 18:00:00 in China.
const START: Millis = 1_623_232_800_000;

struct Bench {
    clock: Clock,
    simulator: KoalaSimulator,
    account: KoalaAccount,
    koala: Koala,
}

impl Bench {
    async fn new() -> Self {
        Self::with(|_| ()).await
    }

    async fn with(change: impl FnOnce(&mut SimulatedHost)) -> Self {
        let clock = Clock::manual(TimeZone::UTC, START);
        let mut host = SimulatedHost::new(vec![
            SimulatedEmployee::new(1, "李四", "13811111111", "法务部"),
            SimulatedEmployee::new(2, "富贵", "+86 138-2222-2222", "市场部"),
            SimulatedEmployee {
                avatar: Vec::new(),
                ..SimulatedEmployee::new(3, "李四光", "13833333333", "")
            },
        ]);
        change(&mut host);
        let simulator = KoalaSimulator::start(clock.clone(), host).await.unwrap();
        let account = simulator.account();
        let koala = Koala::new(Http::new(Koala::limits()).unwrap(), clock.clone());
        Self { clock, simulator, account, koala }
    }

    /// A client with less patience than a slow host needs.
    fn hasty(&self) -> Koala {
        let limits = HttpLimits { total: Duration::from_millis(300), ..Koala::limits() };
        Koala::new(Http::new(limits).unwrap(), self.clock.clone())
    }

    async fn create(&self, earlier_attempt: bool) -> Result<i64, KoalaError> {
        self.koala.create_visitor(&self.account, &visitor(), earlier_attempt).await
    }

    async fn kind(&self) -> KoalaErrorKind {
        self.koala.list_employees(&self.account).await.unwrap_err().kind
    }
}

fn visitor() -> NewVisitor {
    NewVisitor {
        name: "张三".into(),
        phone: "13900001111".into(),
        purpose: 2,
        interviewee: "李四".into(),
        come_from: "某公司".into(),
        remark: "带电脑".into(),
        group_ids: vec![7],
        start_time: START,
        end_time: START + HOUR,
    }
}

fn ids(employees: &[Employee]) -> Vec<i64> {
    employees.iter().map(|employee| employee.id).collect()
}

#[tokio::test]
async fn staff_are_found_by_phone_and_exact_name() {
    for release_3 in [true, false] {
        let bench = Bench::with(|host| host.release_3 = release_3).await;
        let find = async |name, phone| bench.koala.find_staff(&bench.account, name, phone).await.unwrap();
        let found = find("李四", "13811111111").await;
        assert_eq!(found[0].department, "法务部");
        assert_eq!(ids(&found), [1]);
        assert_eq!(ids(&find("李\u{3000}四", "+86 138-1111-1111").await), [1]);
        assert!(find("李四", "13833333333").await.is_empty(), "a part of the name is not the name");
        assert!(find("富贵", "13811111111").await.is_empty());
        assert_eq!(ids(&bench.koala.list_employees(&bench.account).await.unwrap()), [1, 2, 3]);
        assert_eq!(bench.simulator.logins(), 1, "one session serves every call");
    }
}

#[tokio::test]
async fn a_long_directory_is_read_page_by_page() {
    let bench = Bench::new().await;
    bench.create(false).await.unwrap();
    let employee =
        |id| SimulatedEmployee { avatar: Vec::new(), ..SimulatedEmployee::new(id, "员工", "1", "") };
    for count in [0, 1, 500, 501, 1_203] {
        bench.simulator.set_employees((1..=count).map(employee).collect());
        let found = bench.koala.list_employees(&bench.account).await.unwrap();
        assert_eq!(ids(&found), (1..=count).collect::<Vec<_>>(), "{count}");
    }
}

/// A phone that came as a number is a phone; a row that cannot be read costs nobody else theirs.
#[tokio::test]
async fn odd_rows_do_not_cost_the_directory() {
    let bench = Bench::new().await;
    bench.simulator.set_fault(Fault::OddRows);
    let employees = bench.koala.list_employees(&bench.account).await.unwrap();
    assert_eq!(ids(&employees), [1, 2, 3]);
    assert_eq!(employees[0].phone, "13811111111");
    let found = bench.koala.find_staff(&bench.account, "李四", "13811111111").await.unwrap();
    assert_eq!(ids(&found), [1]);
    assert_eq!(bench.koala.try_out(&bench.account).await.unwrap(), 3);
    // A visitor is found again in spite of them, and not written twice.
    let id = bench.create(false).await.unwrap();
    assert_eq!(bench.create(true).await.unwrap(), id);
}

#[tokio::test]
async fn addresses_come_in_three_forms() {
    let bench = Bench::new().await;
    let url = bench.account.address.clone();
    let bare = url.trim_start_matches("http://").to_owned();
    for address in [url.clone(), bare, format!(" {url}/ ")] {
        bench.koala.check(&KoalaAccount { address, ..bench.account.clone() }).await.unwrap();
    }
    for address in ["", "http://", "a b", "ftp://host", "http://user:hush@host"] {
        let account = KoalaAccount { address: address.into(), ..bench.account.clone() };
        let error = bench.koala.check(&account).await.unwrap_err();
        assert_eq!(error.kind, KoalaErrorKind::Unreachable, "{address}");
        assert!(error.retryable && !error.reason.contains("hush"), "{error:?}");
    }
    assert!(!format!("{:?}", bench.account).contains(&bench.account.password));
}

#[tokio::test]
async fn an_ended_session_is_renewed_and_the_call_repeated() {
    for logged_out in [LoggedOut::Redirect, LoggedOut::Unauthorized, LoggedOut::Page, LoggedOut::Json] {
        let bench = Bench::with(|host| host.logged_out = logged_out).await;
        bench.koala.list_employees(&bench.account).await.unwrap();
        bench.clock.advance(HOUR);
        assert_eq!(bench.koala.list_employees(&bench.account).await.unwrap().len(), 3);
        bench.clock.advance(HOUR);
        let id = bench.create(false).await.unwrap();
        assert_eq!(bench.simulator.subjects().len(), 1);
        bench.clock.advance(HOUR);
        bench.koala.delete_subject(&bench.account, id).await.unwrap();
        assert_eq!(bench.simulator.logins(), 4, "{logged_out:?}");
    }
}

#[tokio::test]
async fn a_session_that_never_holds_is_not_renewed_for_ever() {
    let bench = Bench::with(|host| host.session_life = 0).await;
    assert_eq!(bench.kind().await, KoalaErrorKind::Malformed);
    assert_eq!(bench.create(false).await.unwrap_err().kind, KoalaErrorKind::Malformed);
    assert!(bench.simulator.subjects().is_empty());
    assert!(bench.simulator.logins() < 8);
}

#[tokio::test]
async fn callers_at_the_same_time_share_one_login() {
    let bench = Bench::new().await;
    for expected in [1, 2] {
        let calls = (0..20).map(|_| bench.koala.list_employees(&bench.account));
        for outcome in futures_util::future::join_all(calls).await {
            outcome.unwrap();
        }
        assert_eq!(bench.simulator.logins(), expected);
        bench.clock.advance(HOUR);
    }
}

#[tokio::test]
async fn callers_at_the_same_time_share_a_failed_login() {
    let bench = Bench::new().await;
    let hasty = bench.hasty();
    bench.simulator.set_fault(Fault::Slow);
    let calls = (0..20).map(|_| hasty.check(&bench.account));
    let outcomes =
        tokio::time::timeout(Duration::from_secs(3), futures_util::future::join_all(calls)).await.unwrap();
    assert!(outcomes.iter().all(|outcome| outcome.as_ref().unwrap_err().kind == KoalaErrorKind::Unreachable));
    bench.simulator.set_fault(Fault::Ok);
    hasty.check(&bench.account).await.unwrap();
}

#[tokio::test]
async fn a_refused_account_is_left_alone_until_it_changes_or_rests() {
    let bench = Bench::new().await;
    bench.koala.check(&bench.account).await.unwrap();
    let wrong = KoalaAccount { password: "hush".into(), ..bench.account.clone() };
    let error = bench.koala.check(&wrong).await.unwrap_err();
    assert_eq!(error.kind, KoalaErrorKind::LoginRefused);
    assert_eq!(error.reason, "the host refuses the account (-1001): 用户名或密码错误");
    bench.simulator.set_fault(Fault::Down);
    assert_eq!(bench.koala.check(&wrong).await.unwrap_err(), error, "remembered, not tried again");
    bench.clock.advance(MINUTE);
    assert_eq!(bench.koala.check(&wrong).await.unwrap_err().kind, KoalaErrorKind::Unreachable);
    bench.simulator.set_fault(Fault::Ok);
    bench.koala.check(&bench.account).await.unwrap();
    assert_eq!(bench.simulator.logins(), 2, "the old session went with the old account");
}

#[tokio::test]
async fn a_visitor_is_written_and_deleted() {
    let bench = Bench::new().await;
    let id = bench.create(false).await.unwrap();
    let expected = SimulatedSubject {
        id,
        subject_type: 1,
        name: "张三".into(),
        phone: "13900001111".into(),
        purpose: 2,
        interviewee: "李四".into(),
        come_from: "某公司".into(),
        remark: "带电脑".into(),
        group_ids: vec![7],
        start_time: START / SECOND,
        end_time: (START + HOUR) / SECOND,
    };
    assert_eq!(bench.simulator.subjects(), [expected]);
    assert_eq!(bench.koala.list_employees(&bench.account).await.unwrap().len(), 3);
    for _ in 0..2 {
        bench.koala.delete_subject(&bench.account, id).await.unwrap();
        assert!(bench.simulator.subjects().is_empty());
    }
}

#[tokio::test]
async fn a_visitor_the_host_refuses_is_not_offered_again() {
    let bench = Bench::new().await;
    let visitor = NewVisitor { end_time: START, ..visitor() };
    let error = bench.koala.create_visitor(&bench.account, &visitor, false).await.unwrap_err();
    let desc = "访客必须填写开始时间和结束时间".to_owned();
    assert_eq!(error.kind, KoalaErrorKind::Rejected { code: -2001, desc });
    assert!(!error.retryable);
}

#[tokio::test]
async fn a_lost_answer_is_looked_up_and_not_created_twice() {
    let bench = Bench::new().await;
    for (count, fault) in [Fault::LostAnswer, Fault::Truncated].into_iter().enumerate() {
        let visitor = NewVisitor { start_time: START + i64::try_from(count).unwrap() * MINUTE, ..visitor() };
        let create = async |earlier| bench.koala.create_visitor(&bench.account, &visitor, earlier).await;
        bench.simulator.set_fault(fault);
        let first = create(false).await;
        bench.simulator.set_fault(Fault::Ok);
        let id = create(true).await.unwrap();
        match (fault, first) {
            // Reading works in spite of this fault, so the visitor is found at once.
            (Fault::LostAnswer, first) => assert_eq!(first.unwrap(), id),
            (_, first) => assert_eq!(first.unwrap_err().kind, KoalaErrorKind::Malformed),
        }
        assert_eq!(bench.simulator.subjects().len(), count + 1);
        assert_eq!(bench.simulator.subjects()[0].id, id);
    }
    let others = [
        NewVisitor { phone: "13900002222".into(), ..visitor() },
        NewVisitor { start_time: START + 2 * MINUTE, ..visitor() },
        NewVisitor { name: "张三丰".into(), ..visitor() },
    ];
    for (count, other) in others.iter().enumerate() {
        bench.koala.create_visitor(&bench.account, other, true).await.unwrap();
        assert_eq!(bench.simulator.subjects().len(), count + 3, "{other:?} is somebody else");
    }
}

/// A host that writes the visitor and then shows a web page, as when its session ends half-way.
#[tokio::test]
async fn a_page_after_the_write_does_not_lead_to_a_second_one() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let written = Arc::new(AtomicUsize::new(0));
    let (counting, listing) = (Arc::clone(&written), Arc::clone(&written));
    let login = || async { ([("set-cookie", "session=1")], r#"{"code":0,"data":{}}"#) };
    let create = move || async move {
        counting.fetch_add(1, Ordering::SeqCst);
        page("考拉 - 登录")
    };
    let list = move || async move {
        let subject = json!({
            "id": 9, "subject_type": 1, "name": "张三", "phone": "13900001111", "start_time": START / SECOND,
        });
        let rows = vec![subject; listing.load(Ordering::SeqCst).min(1)];
        axum::Json(json!({"code": 0, "data": rows, "page": {"count": rows.len()}}))
    };
    let router = Router::new()
        .route("/auth/login", axum::routing::post(login))
        .route("/subject", axum::routing::post(create))
        .route("/subject/list", axum::routing::get(list));
    let server = Loopback::start("half-way", router).await.unwrap();
    let bench = Bench::new().await;
    let account = KoalaAccount { address: server.base_url(), ..bench.account };
    assert_eq!(bench.koala.create_visitor(&account, &visitor(), false).await.unwrap(), 9);
    assert_eq!(written.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn faults_are_told_apart_and_leave_nothing_behind() {
    let bench = Bench::new().await;
    bench.koala.check(&bench.account).await.unwrap();
    for (fault, reading, creating) in [
        (Fault::Down, KoalaErrorKind::Unreachable, KoalaErrorKind::LostAnswer),
        (Fault::Error, KoalaErrorKind::Unreachable, KoalaErrorKind::LostAnswer),
        // A page may be the login page; the login then fails for not being Koala's.
        (Fault::Html, KoalaErrorKind::Malformed, KoalaErrorKind::Malformed),
        (Fault::Truncated, KoalaErrorKind::Malformed, KoalaErrorKind::Malformed),
    ] {
        bench.simulator.set_fault(fault);
        assert_eq!(bench.kind().await, reading, "{fault:?}");
        let before = bench.simulator.subjects().len();
        let error = bench.create(false).await.unwrap_err();
        assert_eq!(error.kind, creating, "{fault:?}");
        assert!(error.retryable);
        assert_eq!(bench.simulator.subjects().len() > before, fault == Fault::Truncated);
    }
    bench.simulator.set_fault(Fault::Ok);
    assert_eq!(bench.koala.list_employees(&bench.account).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_slow_host_runs_into_the_time_out() {
    let bench = Bench::new().await;
    let koala = bench.hasty();
    koala.check(&bench.account).await.unwrap();
    bench.simulator.set_fault(Fault::Slow);
    let reading = koala.list_employees(&bench.account).await.unwrap_err();
    assert_eq!((reading.kind, reading.reason.as_str()), (KoalaErrorKind::Unreachable, "no answer in time"));
    let creating = koala.create_visitor(&bench.account, &visitor(), false).await.unwrap_err();
    assert_eq!((creating.kind, creating.retryable), (KoalaErrorKind::LostAnswer, true));
    assert!(bench.simulator.subjects().is_empty());
}

#[tokio::test]
async fn a_host_that_is_off_is_unreachable() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let bench = Bench::new().await;
    let account = KoalaAccount { address: free.local_addr().unwrap().to_string(), ..bench.account };
    drop(free);
    let error = bench.koala.create_visitor(&account, &visitor(), false).await.unwrap_err();
    assert_eq!((error.kind, error.retryable), (KoalaErrorKind::Unreachable, true));
}

#[tokio::test]
async fn pictures_are_pictures() {
    let bench = Bench::new().await;
    let employees = bench.koala.list_employees(&bench.account).await.unwrap();
    let get = async |path: &str| bench.koala.download_avatar(&bench.account, path).await;
    let avatar = get(&employees[0].avatar).await.unwrap();
    assert_eq!((avatar.kind, avatar.kind.extension()), (ImageKind::Jpeg, "jpg"));
    let mut decoder = jpeg_decoder::Decoder::new(avatar.bytes.as_slice());
    assert!(!decoder.decode().unwrap().is_empty());
    let whole = format!("{}{}?v=2", bench.account.address, employees[0].avatar);
    assert_eq!(get(&whole).await.unwrap(), avatar);
    assert_eq!(employees[2].avatar, "");
    for bad in ["", "/", "/static/upload/photo/none.jpg", "/subjects/purpose", "http://192.0.2.1/x.jpg"] {
        let error = get(bad).await.unwrap_err();
        assert!(
            matches!(error.kind, KoalaErrorKind::Rejected { .. }) && !error.retryable,
            "{bad}: {error:?}"
        );
    }
    for (bytes, accepted) in [
        (b"\x89PNG\r\n\x1a\n...".to_vec(), true),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(), false),
        ([&[0xff, 0xd8, 0xff], vec![0; 3 << 20].as_slice()].concat(), false),
    ] {
        let employee = SimulatedEmployee { avatar: bytes, ..SimulatedEmployee::new(1, "李四", "1", "") };
        bench.simulator.set_employees(vec![employee]);
        assert_eq!(get(&employees[0].avatar).await.is_ok(), accepted);
    }
    bench.simulator.set_fault(Fault::Error);
    assert_eq!(get(&employees[0].avatar).await.unwrap_err().kind, KoalaErrorKind::Unreachable);
}

/// What no call of the client shows: the host's manners towards others.
#[tokio::test]
async fn the_host_is_as_strict_as_the_real_one() {
    let bench = Bench::new().await;
    let http = Http::new(Koala::limits()).unwrap();
    let base = BaseUrl::parse(&bench.account.address, false).unwrap();
    let login = http.request(Method::POST, &base, "/auth/login", None);
    let form = "username=yuyue%40example.com&password=koala-demo";
    let login = login.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
    let page = http.run(login.try_clone().unwrap()).await.unwrap();
    assert!(page.body.starts_with(b"<!DOCTYPE"), "without the user agent there is a web page only");
    let welcome = http.run(login.header(USER_AGENT, "Koala Admin")).await.unwrap();
    let cookie = welcome.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();

    let ask = async |method: Method, path: &str, content: &str, body: Vec<u8>| {
        let request = http.request(method, &base, path, None).header(COOKIE, &cookie);
        http.run(request.header(CONTENT_TYPE, content).body(body)).await.unwrap()
    };
    let photo = async |bytes: &[u8]| {
        let head = b"--x\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"a.jpg\"\r\n\r\n";
        let body = [head, bytes, b"\r\n--x--\r\n"].concat();
        let answer = ask(Method::POST, "/subject/photo", "multipart/form-data; boundary=x", body).await;
        answer.json::<serde_json::Value>().unwrap()
    };
    assert_eq!(photo(b"GIF89a").await["code"], -300);
    let taken = photo(&portrait(1)).await;
    assert_eq!((&taken["code"], &taken["data"]["id"]), (&json!(0), &json!(1)));

    let id = bench.create(false).await.unwrap();
    let path = format!("/subject/{id}");
    let change = async |body: serde_json::Value| {
        let answer = ask(Method::PUT, &path, "application/json", body.to_string().into_bytes()).await;
        answer.json::<serde_json::Value>().unwrap()
    };
    assert_eq!(change(json!({"remark": "x"})).await["code"], -1000, "photo_ids is required");
    assert_eq!(change(json!({"photo_ids": [], "end_time": 0})).await["code"], -2001);
    let changed = change(json!({"photo_ids": [1], "remark": "x", "id": 5})).await;
    assert_eq!((&changed["data"]["remark"], &changed["data"]["id"]), (&json!("x"), &json!(id)));
    for code in [0, -2002] {
        let answer = ask(Method::DELETE, &path, "application/json", Vec::new()).await;
        assert_eq!(answer.json::<serde_json::Value>().unwrap()["code"], code);
    }
}
