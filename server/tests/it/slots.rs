//! Slots (000): appointments and sign-in, in the words of the document.

use serde_json::json;

use crate::support::TestApp;

both!(the_days_that_can_be_booked);

async fn the_days_that_can_be_booked(app: TestApp) {
    let data = app.post("/v1/available-days/list", json!({})).await.data();
    assert_eq!(data["days"][0], "2021-10-01");
}
