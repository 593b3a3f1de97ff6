-- Understood by SQLite and PostgreSQL alike; times are RFC 3339 in UTC, which sort as text.

CREATE TABLE usr (
    user_id BIGINT NOT NULL PRIMARY KEY,
    first_name VARCHAR(50) NOT NULL,
    family_name VARCHAR(50) NOT NULL,
    login_id VARCHAR(32) NOT NULL CONSTRAINT usr_login_id_taken UNIQUE,
    is_login SMALLINT NOT NULL CHECK (is_login IN (0, 1)),
    ver BIGINT NOT NULL,
    last_updated_at VARCHAR(30) NOT NULL
);

CREATE TABLE address (
    user_id BIGINT NOT NULL PRIMARY KEY REFERENCES usr (user_id) ON DELETE CASCADE,
    zip_code VARCHAR(8) NOT NULL,
    address VARCHAR(255) NOT NULL,
    ver BIGINT NOT NULL,
    last_updated_at VARCHAR(30) NOT NULL
);
CREATE INDEX address_by_zip_code ON address (zip_code);

CREATE TABLE email (
    user_id BIGINT NOT NULL REFERENCES usr (user_id) ON DELETE CASCADE,
    email_no BIGINT NOT NULL,
    email VARCHAR(256) NOT NULL,
    ver BIGINT NOT NULL,
    last_updated_at VARCHAR(30) NOT NULL,
    PRIMARY KEY (user_id, email_no)
);
CREATE INDEX email_by_email ON email (email);

CREATE TABLE grp (
    group_id BIGINT NOT NULL PRIMARY KEY,
    group_name VARCHAR(50) NOT NULL,
    ver BIGINT NOT NULL,
    last_updated_at VARCHAR(30) NOT NULL
);

CREATE TABLE membership (
    group_id BIGINT NOT NULL REFERENCES grp (group_id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES usr (user_id) ON DELETE CASCADE,
    ver BIGINT NOT NULL,
    last_updated_at VARCHAR(30) NOT NULL,
    PRIMARY KEY (group_id, user_id)
);
CREATE INDEX membership_by_user_id ON membership (user_id);

-- Its row is updated first by every transaction that takes a new userId, so that these wait for one another:
-- the one lock that both databases have.
CREATE TABLE numbering (
    name VARCHAR(32) NOT NULL PRIMARY KEY,
    ver BIGINT NOT NULL
);
INSERT INTO numbering (name, ver) VALUES ('usr', 0);
