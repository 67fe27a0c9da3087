#!/usr/bin/env python3
"""What is kept of who registers, and when an agent is there. Needs CAPSTAN_BIN."""

import json
import subprocess
import unittest

import hub_case


class Registration(hub_case.HubTest):
    def write(self, name, text):
        path = self.folder.path / name
        path.write_text(text)
        return str(path)

    def register(self, name, *more, check=True):
        passport = self.write("passport.json", json.dumps(
            {"kind": "agent", "owner": "ops",
             "auth": {"scheme": "api_key", "claim": {"k": "s3cret"}}}))
        resume = self.write("resume.json", json.dumps(
            {"summary": "welds", "claimed_capabilities": ["weld"]}))
        skill = self.write("SKILL.md", "# how to weld\n\nslowly \x1b[2J\u009b2J\n")
        return self.folder.run("agent", "register", name, "--passport", passport,
                               "--resume", resume, "--skill", skill, *more, check=check)

    def shown(self, name):
        return json.loads(self.folder.run("agent", "show", name, "--json").stdout)

    def wait_for_presence(self, name, presence):
        while self.shown(name)["presence"] != presence:
            pass  # Each look takes a while; the test's own time limit ends it.

    def test_a_registration_survives_kill_9_under_the_same_id_and_without_its_secret(self):
        folder = self.started("alice", "bob")
        before = self.shown("bob")
        self.assertFalse(before["registered"])
        self.assertEqual(self.register("bob").stdout, "registered bob, version 2\n")
        folder.kill()
        folder.start()
        after = self.shown("bob")
        self.assertEqual((after["agent_id"], after["version"], after["registered"]),
                         (before["agent_id"], 2, True))
        self.assertEqual(after["passport"],
                         {"kind": "agent", "owner": "ops", "auth": {"scheme": "api_key"}})
        self.assertEqual(after["resume"]["claimed_capabilities"], ["weld"])
        self.assertEqual(after["skill_md"], "# how to weld\n\nslowly \x1b[2J\u009b2J\n")
        self.assertTrue(folder.run("agent", "show", "bob").stdout.endswith(
            "\nskill_md\n# how to weld\n\nslowly ?[2J?2J\n"))
        self.assertEqual(self.register("bob", "--json").stdout, '{"name":"bob","version":3}\n')
        rows = json.loads(folder.run("agent", "list", "--json").stdout)
        self.assertEqual([row["passport"] and row["passport"]["owner"] for row in rows],
                         [None, "ops", None])
        self.assertIn("# how to weld", folder.run("agent", "show", "bob").stdout)

    def test_a_stranger_registers_and_unregisters_nobody_else(self):
        folder = self.started("alice", "bob")
        self.register("bob")
        key = str(folder.path / "keys" / "alice.key")
        for done in (self.register("bob", "--key", key, check=False),
                     self.register("nobody", "--key", key, check=False),
                     folder.run("agent", "unregister", "bob", "--key", key, check=False)):
            self.assertEqual(done.returncode, 77, done.stderr)
            self.assertIn("access_denied", done.stderr)
        self.assertEqual(self.shown("bob")["version"], 2)

    def test_who_unregisters_keeps_its_id_and_its_mail(self):
        folder = self.started("alice", "bob")
        agent_id = self.shown("bob")["agent_id"]
        self.register("bob")
        folder.run("send", "bob", "wait", "--as", "alice")
        folder.run("agent", "unregister", "bob")
        left = self.shown("bob")
        self.assertEqual((left["registered"], left["passport"], left["agent_id"]),
                         (False, None, agent_id))
        self.assertEqual(self.listen("bob", "--count", "1").stdout, "wait\n")

    def test_a_killed_receiver_is_offline_and_online_when_it_is_back(self):
        self.configure(lease_ms=1000, heartbeat_ms=300)
        folder = self.started("alice", "bob")
        self.assertEqual(self.shown("bob")["presence"], "offline")
        for _ in range(2):
            listener = folder.popen("listen", "--as", "bob", stdout=subprocess.PIPE)
            self.addCleanup(listener.stdout.close)
            self.wait_for_presence("bob", "online")
            listener.kill()
            listener.wait()
            self.wait_for_presence("bob", "offline")


if __name__ == "__main__":
    unittest.main(verbosity=2)
