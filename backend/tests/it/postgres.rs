//! The scenarios over PostgreSQL, and what only PostgreSQL is for: several instances.

use axum::http::StatusCode;

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
