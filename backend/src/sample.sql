INSERT INTO grp (group_id, group_name, ver, last_updated_at) VALUES
    (0, 'GroupA', 0, '2026-01-01T00:00:00.000Z'),
    (1, 'GroupB', 0, '2026-01-01T00:00:00.000Z'),
    (2, 'GroupC', 0, '2026-01-01T00:00:00.000Z');

INSERT INTO usr (user_id, first_name, family_name, login_id, is_login, ver, last_updated_at) VALUES
    (0, 'taro', 'mynavi', 'taro.mynavi', 0, 0, '2026-01-01T00:00:00.000Z'),
    (1, 'hanako', 'mynavi', 'hanako.mynavi', 0, 0, '2026-01-01T00:00:00.000Z'),
    (2, 'jiro', 'mynavi', 'jiro.mynavi', 0, 0, '2026-01-01T00:00:00.000Z');

INSERT INTO address (user_id, zip_code, address, ver, last_updated_at) VALUES
    (0, '000-0000', 'Tokyo Chiyoda', 0, '2026-01-01T00:00:00.000Z'),
    (1, '300-0000', 'Tonde Saitama', 0, '2026-01-01T00:00:00.000Z'),
    (2, '000-1000', 'Tokyo Minato', 0, '2026-01-01T00:00:00.000Z');

INSERT INTO email (user_id, email_no, email, ver, last_updated_at) VALUES
    (0, 0, 'taro.mynavi1@debugroom.org', 0, '2026-01-01T00:00:00.000Z'),
    (0, 1, 'taro.mynavi2@debugroom.org', 0, '2026-01-01T00:00:00.000Z'),
    (1, 0, 'hanako.mynavi@debugroom.org', 0, '2026-01-01T00:00:00.000Z'),
    (2, 0, 'jiro.mynavi@debugroom.org', 0, '2026-01-01T00:00:00.000Z');

INSERT INTO membership (group_id, user_id, ver, last_updated_at) VALUES
    (0, 0, 0, '2026-01-01T00:00:00.000Z'),
    (0, 1, 0, '2026-01-01T00:00:00.000Z'),
    (0, 2, 0, '2026-01-01T00:00:00.000Z'),
    (1, 0, 0, '2026-01-01T00:00:00.000Z'),
    (1, 1, 0, '2026-01-01T00:00:00.000Z'),
    (2, 0, 0, '2026-01-01T00:00:00.000Z');
