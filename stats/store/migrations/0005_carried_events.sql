-- Visits also tell what events of other days than their first they hold, so that visitors, visits, pageviews and events
-- of whole days can be counted from visits alone, without reading the events.
--
-- A row with is_visit 0 is no visit but an entry for one event that lies on another day than its visit's start: one
-- under the event's day that adds it, and, but for engagement, one under the visit's day that takes it away. Such rows
-- are never rewritten. `day` is the day they count on, `visit_day` the one of their visit.
ALTER TABLE sessions$local$on_cluster
    ADD COLUMN IF NOT EXISTS is_visit UInt8 DEFAULT 1,
    ADD COLUMN IF NOT EXISTS visit_day Date DEFAULT day,
    ADD COLUMN IF NOT EXISTS carried_pageviews Int32 DEFAULT 0,
    ADD COLUMN IF NOT EXISTS carried_events Int32 DEFAULT 0;

-- @cluster
ALTER TABLE sessions$on_cluster
    ADD COLUMN IF NOT EXISTS is_visit UInt8 DEFAULT 1,
    ADD COLUMN IF NOT EXISTS visit_day Date DEFAULT day,
    ADD COLUMN IF NOT EXISTS carried_pageviews Int32 DEFAULT 0,
    ADD COLUMN IF NOT EXISTS carried_events Int32 DEFAULT 0;

-- What was counted before this step. Each month is written at once and what is there is left out, so that a step that
-- was cut short may be repeated.
INSERT INTO sessions
    (site_id, day, visitor_id, session_id, sign, start, timestamp, referrer, source, channel, utm_source, utm_medium,
     utm_campaign, utm_content, utm_term, click_id_param, country_code, subdivision1_code, subdivision2_code,
     city_geoname_id, device, browser, browser_version, os, os_version, is_visit, visit_day, carried_pageviews,
     carried_events)
SELECT
    event.site_id, if(direction = 1, event.day, visit.first_day), event.visitor_id, event.session_id, 1,
    event.timestamp, event.timestamp, event.referrer, event.source, event.channel, event.utm_source, event.utm_medium,
    event.utm_campaign, event.utm_content, event.utm_term, event.click_id_param, event.country_code,
    event.subdivision1_code, event.subdivision2_code, event.city_geoname_id, event.device, event.browser,
    event.browser_version, event.os, event.os_version, 0, visit.first_day,
    direction * (event.name = 'pageview'), direction * (event.name != 'engagement')
FROM events AS event
INNER JOIN
(
    SELECT site_id, session_id, any(day) AS first_day FROM sessions WHERE is_visit GROUP BY site_id, session_id
) AS visit ON event.site_id = visit.site_id AND event.session_id = visit.session_id
ARRAY JOIN if(event.name = 'engagement', [1], [1, -1]) AS direction
WHERE event.day != visit.first_day
    AND (event.session_id, if(direction = 1, event.day, visit.first_day), event.timestamp) NOT IN
        (SELECT session_id, day, timestamp FROM sessions WHERE NOT is_visit)
SETTINGS max_execution_time = 0, max_memory_usage = 0, join_algorithm = 'grace_hash', insert_deduplicate = 0,
    min_insert_block_size_rows = 1000000000, min_insert_block_size_bytes = 0, max_insert_threads = 1,
    max_partitions_per_insert_block = 0;
