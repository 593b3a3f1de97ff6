//! The scenarios over SQLite.

mod in_memory {
    use crate::scenarios::scenarios;
    use crate::service::Service;

    scenarios!(Service::with_sample("sqlite::memory:"));
}

mod in_a_file {
    use axum::http::StatusCode;
    use tempfile::TempDir;

    use crate::scenarios::{self, scenarios};
    use crate::service::Service;

    scenarios!(async {
        let folder = TempDir::new().unwrap();
        Service::with_sample(&url(folder.path()))
            .await
            .keeping(folder)
    });

    fn url(folder: &std::path::Path) -> String {
        format!("sqlite:{}/users.db", folder.display())
    }

    #[tokio::test]
    async fn users_outlive_the_service() {
        let folder = TempDir::new().unwrap();
        let service = Service::with_sample(&url(folder.path())).await;
        service.send("DELETE /users/1", None).await;
        drop(service);

        let service = Service::with_sample(&url(folder.path())).await;
        assert_eq!(service.get("/users/1").await.status, StatusCode::NOT_FOUND);
        assert_eq!(service.get("/users/2").await.status, StatusCode::OK);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn two_instances_share_a_file() {
        let folder = TempDir::new().unwrap();
        let url = url(folder.path());
        let instances = [
            Service::with_sample(&url).await,
            Service::with_sample(&url).await,
        ];
        let numbers = scenarios::add_side_by_side(&instances, 20).await;
        assert_eq!(numbers, (3..23).collect::<Vec<_>>());
    }

    /// Both requests are answered by this one thread: one that blocked it would end only after its own time-out.
    #[tokio::test]
    async fn a_lock_of_another_process_holds_up_only_those_who_write() {
        let folder = TempDir::new().unwrap();
        let service = Service::with_sample(&url(folder.path())).await;
        let other = rusqlite::Connection::open(folder.path().join("users.db")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();

        let deletion = service.send("DELETE /users/1", None);
        let others = async {
            for path in ["/backend/health/live", "/backend/health/ready", "/users/1"] {
                assert_eq!(service.get(path).await.status, StatusCode::OK, "{path}");
            }
            other.execute_batch("ROLLBACK").unwrap();
        };
        let (deletion, ()) = tokio::join!(deletion, others);
        assert_eq!(deletion.status, StatusCode::OK);
    }

    #[tokio::test]
    async fn where_the_file_is_gone_nothing_is_accepted_any_more() {
        let folder = TempDir::new().unwrap();
        let service = Service::with_sample(&url(folder.path())).await;
        let file = folder.path().join("users.db");
        for replaced in [false, true] {
            if replaced {
                std::fs::write(&file, "another file").unwrap();
            } else {
                std::fs::rename(&file, folder.path().join("old.db")).unwrap();
            }
            for line in ["DELETE /users/1", "GET /users", "GET /backend/health/ready"] {
                let answer = service.send(line, None).await;
                assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{line}");
            }
            let live = service.get("/backend/health/live").await;
            assert_eq!(live.status, StatusCode::OK);
        }

        std::fs::rename(folder.path().join("old.db"), &file).unwrap();
        let deletion = service.send("DELETE /users/1", None).await;
        assert_eq!(deletion.status, StatusCode::OK);
    }
}

use axum::http::StatusCode;

use crate::service::Service;

#[tokio::test]
async fn without_sample_data_the_tables_start_empty() {
    let service = Service::with(&[]).await;
    assert_eq!(service.get("/users").await.text, "[]");
    assert_eq!(
        service.get("/groups/0/users").await.status,
        StatusCode::NOT_FOUND
    );
}
