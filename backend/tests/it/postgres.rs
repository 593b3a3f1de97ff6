//! The scenarios over PostgreSQL, and what only PostgreSQL is for: several instances.

use axum::http::StatusCode;
use sqlx::{Connection, PgConnection};

use crate::cluster::{self, Cluster};
use crate::scenarios::{self, scenarios};
use crate::service::Service;

scenarios!(async { Service::with_sample(&cluster::new_database().await).await });

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_start_at_once_and_add_users_side_by_side() {
    let url = cluster::new_database().await;
    let (one, other) = tokio::join!(
        tokio::spawn({
            let url = url.clone();
            async move { Service::with_sample(&url).await }
        }),
        tokio::spawn(async move { Service::with_sample(&url).await }),
    );
    let instances = [one.unwrap(), other.unwrap()];
    let numbers = scenarios::add_side_by_side(&instances, 60).await;
    assert_eq!(numbers, (3..63).collect::<Vec<_>>());
    assert_eq!(
        instances[0].get("/users").await.json,
        instances[1].get("/users").await.json
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_concurrent_updates_with_the_same_version_one_wins() {
    let url = cluster::new_database().await;
    let instances = [
        Service::with_sample(&url).await,
        Service::with_sample(&url).await,
    ];
    let mut updates = tokio::task::JoinSet::new();
    for number in 0..10 {
        let service = instances[number % 2].clone();
        let body = serde_json::json!({
            "firstName": "taro", "familyName": "m", "loginId": "taro.mynavi", "isLogin": true, "version": 0,
        });
        updates.spawn(async move { service.send("PUT /users/0", Some(body)).await.status });
    }
    let statuses = updates.join_all().await;
    assert_eq!(
        statuses
            .iter()
            .filter(|status| **status == StatusCode::OK)
            .count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(
        statuses
            .iter()
            .filter(|status| **status == StatusCode::CONFLICT)
            .count(),
        9,
        "{statuses:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_recovers_when_the_database_is_gone_and_back() {
    let mut cluster = Cluster::start();
    let service = Service::with_sample(&cluster.create_database().await).await;
    assert_eq!(
        service.get("/backend/health/ready").await.status,
        StatusCode::OK
    );

    cluster.tell("stop");
    let gone = service.get("/backend/health/ready").await;
    assert_eq!(gone.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(gone.json["code"], "HTTP503");
    assert_eq!(
        service.get("/backend/health/live").await.status,
        StatusCode::OK
    );
    assert_eq!(
        service.get("/users/0").await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );

    cluster.tell("start");
    assert_eq!(service.get("/users/0").await.status, StatusCode::OK);
    assert_eq!(
        service.get("/backend/health/ready").await.status,
        StatusCode::OK
    );
}

/// Waits until so many connections to the database wait for a lock.
async fn waiting_for_a_lock(connection: &mut PgConnection, count: i64) {
    let sql = "SELECT COUNT(*) FROM pg_stat_activity \
               WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while sqlx::query_scalar::<_, i64>(sql)
        .fetch_one(&mut *connection)
        .await
        .unwrap()
        < count
    {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_who_wait_for_a_lock_do_not_keep_readers_out() {
    let url = cluster::new_database().await;
    let service = Service::with_sample(&url).await;
    let mut holder = PgConnection::connect(&url).await.unwrap();
    let mut watcher = PgConnection::connect(&url).await.unwrap();
    let mut held = holder.begin().await.unwrap();
    sqlx::raw_sql("SELECT * FROM usr WHERE user_id = 1 FOR UPDATE")
        .execute(&mut *held)
        .await
        .unwrap();

    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let service = service.clone();
        writers.spawn(async move { service.send("DELETE /users/1", None).await.status });
    }
    waiting_for_a_lock(&mut watcher, 10).await;
    for path in ["/users/1", "/backend/health/ready"] {
        assert_eq!(service.get(path).await.status, StatusCode::OK, "{path}");
    }
    let statuses = writers.join_all().await;
    assert_eq!(statuses, [StatusCode::SERVICE_UNAVAILABLE; 10]);

    held.rollback().await.unwrap();
    let deletion = service.send("DELETE /users/1", None).await;
    assert_eq!(deletion.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_is_cancelled_is_an_outage() {
    let url = cluster::new_database().await;
    let service = Service::with_sample(&url).await;
    let mut holder = PgConnection::connect(&url).await.unwrap();
    let mut held = holder.begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE usr")
        .execute(&mut *held)
        .await
        .unwrap();

    let reading = tokio::spawn(async move { service.get("/users/1").await.status });
    let mut watcher = PgConnection::connect(&url).await.unwrap();
    waiting_for_a_lock(&mut watcher, 1).await;
    sqlx::raw_sql(
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND wait_event_type = 'Lock'",
    )
    .execute(&mut watcher)
    .await
    .unwrap();
    assert_eq!(reading.await.unwrap(), StatusCode::SERVICE_UNAVAILABLE);
}

/// As one is that another server took the place of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_only_reads_is_an_outage_for_those_who_write() {
    let url = cluster::new_database().await;
    let service = Service::with_sample(&url).await;
    let mut admin = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', \
         current_database()); END $$; \
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .execute(&mut admin)
    .await
    .unwrap();
    let deletion = service.send("DELETE /users/1", None).await;
    assert_eq!(deletion.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(service.get("/users/1").await.status, StatusCode::OK);
}

/// As PostgreSQL ends one of those who wait for each other, which depends on their timing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_rolled_back_for_the_sake_of_others_is_an_outage() {
    let url = cluster::new_database().await;
    let service = Service::with_sample(&url).await;
    let mut admin = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(
        "CREATE FUNCTION deadlock() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE 'deadlock detected' USING ERRCODE = '40P01'; END $$; \
         CREATE TRIGGER deadlock BEFORE DELETE ON usr FOR EACH ROW EXECUTE FUNCTION deadlock()",
    )
    .execute(&mut admin)
    .await
    .unwrap();
    let deletion = service.send("DELETE /users/1", None).await;
    assert_eq!(deletion.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(service.get("/users/1").await.status, StatusCode::OK);
}
