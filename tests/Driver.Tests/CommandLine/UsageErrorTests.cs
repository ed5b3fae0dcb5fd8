using Livebed.Driver.Errors;

namespace Livebed.Driver.Tests.CommandLine;

/// <summary>Every bad input: exit 64, one line that says where and what is allowed, and nothing left behind.</summary>
public sealed class UsageErrorTests
{
    private const string Vms = CommandHarness.SmallCampaign;
    private const string Commands =
        "run, cluster, explore, replay, shrink, mutants, price, museum, kernel, record, qemu, predict, advise, explain, migrate, bench, "
        + "analyze, view, report, check, compare, list";

    [Theory]
    [InlineData("silo: 3\n" + Vms, "c.yaml:1: silo: unknown key; allowed: name, description, seed")]
    [InlineData("silos: 3\nsilos: 2\n" + Vms, "c.yaml:2: silos: is given twice (first at c.yaml:1); allowed: each key once")]
    [InlineData("silos: three\n" + Vms, "c.yaml:1: silos: 'three' is not a whole number; allowed: 1 to 16")]
    [InlineData("silos: 1.5\n" + Vms, "c.yaml:1: silos: '1.5' is not a whole number")]
    [InlineData("silos: \"3\"\n" + Vms, "c.yaml:1: silos: \"3\" is text; allowed: 1 to 16")]
    [InlineData("silos: -1\n" + Vms, "c.yaml:1: silos: -1 is out of range; allowed: 1 to 16")]
    [InlineData("silos: [3]\n" + Vms, "c.yaml:1: silos: is a list, not a value; allowed: 1 to 16")]
    [InlineData("silos:\n" + Vms, "c.yaml:1: silos: is empty, not a value; allowed: 1 to 16")]
    [InlineData("vms: []\n", "c.yaml:1: vms: has 0 items; allowed: a list of 1 to 1000 VMs")]
    [InlineData("name: none\n", "c.yaml:1: vms: there are no VMs; allowed: a list of at least one VM")]
    [InlineData("vms:\n  - count: 0\n", "c.yaml:2: vms.0.count: 0 is out of range; allowed: 1 to 100000")]
    [InlineData("vms:\n  - vcpus: 2\n    count: -4\n", "c.yaml:3: vms.0.count: -4 is out of range")]
    [InlineData("vms:\n  - count: 60000\n  - count: 60000\n", "c.yaml:1: vms: there are 120000 VMs; allowed: at most 100000")]
    [InlineData("vms: { count: 1 }\n", "c.yaml:1: vms: is a section, not a list")]
    [InlineData("vms:\n  - 3\n", "c.yaml:2: vms.0: is a value, not a section; allowed: a section with name, count")]
    [InlineData("vms:\n  - vcpus: 255\n", "c.yaml:2: vms.0.vcpus: 255 is out of range; allowed: 1 to 254")]
    [InlineData("vms:\n  - name: a\n  - name: a\n", "c.yaml:3: vms.1.name: 'a' is also the name of a VM of vms.0")]
    [InlineData("vms:\n  - { name: a, count: 2 }\n  - name: a-1\n", "c.yaml:3: vms.1.name: 'a-1' is also the name of a VM of vms.0")]
    [InlineData("vms:\n  - mergeable: yes\n", "c.yaml:2: vms.0.mergeable: 'yes' is not true or false; allowed: true or false")]
    [InlineData("vms:\n  - ringEntries: 1000\n", "c.yaml:2: vms.0.ringEntries: 1000 is not a power of two")]
    [InlineData("vms:\n  - memslots: 512\n    guest: { bytesPerVcpu: 4KiB }\n",
        "c.yaml:2: vms.0.memslots: is 512, and the RAM has 1 pages")]
    [InlineData("vms:\n  - guest: { bytesPerVcpu: 100B }\n", "c.yaml:2: vms.0.guest.bytesPerVcpu: is not a whole number of pages; "
        + "allowed: a multiple of pageSize, 4096 bytes")]
    [InlineData("vms:\n  - guest:\n      writePercent: 101\n",
        "c.yaml:3: vms.0.guest.writePercent: 101 is out of range; allowed: 0 to 100")]
    [InlineData("vms:\n  - guest: { speed: 2 }\n", "c.yaml:2: vms.0.guest.speed: belongs to a guest that replays a trace, "
        + "and this one is synthetic")]
    [InlineData("vms:\n  - content: { zeroPercent: 60, repeatedPercent: 60 }\n", "c.yaml:2: vms.0.content.repeatedPercent: is 60, "
        + "and zeroPercent is 60; allowed: at most 100 together")]
    [InlineData("protocol: mutex\n" + Vms, "c.yaml:1: protocol: 'mutex' is unknown; allowed: unconditional, hva-range, rwsem, "
        + "rwsem-unfair, active-count, gfn-range")]
    [InlineData("mutant: x-men\n" + Vms, "c.yaml:1: mutant: 'x-men' is unknown; allowed: none, no-reset-at-destroy")]
    [InlineData("placement: sideways\n" + Vms, "c.yaml:1: placement: 'sideways' is unknown; allowed: spread, packed")]
    [InlineData("duration: 30\n" + Vms, "c.yaml:1: duration: '30' is not a duration; allowed: 100ms to 24h, as in 30s, 500ms or 200us")]
    [InlineData("duration: -5s\n" + Vms, "c.yaml:1: duration: -5s is out of range")]
    [InlineData("memory: 1GB\n" + Vms, "c.yaml:1: memory: '1GB' is not a size; allowed: 1MiB to 64GiB, as in 64MiB")]
    [InlineData("seed: 9007199254740992\n" + Vms, "c.yaml:1: seed: 9007199254740992 is out of range")]
    [InlineData("name: ../evil\n" + Vms, "c.yaml:1: name: '../evil' is no name")]
    [InlineData("hostEvents: { rate: -1 }\n" + Vms, "c.yaml:1: hostEvents.rate: -1 is out of range; allowed: 0 to 1000000")]
    [InlineData("hostEvents: { rate: NaN }\n" + Vms, "c.yaml:1: hostEvents.rate: NaN is out of range")]
    [InlineData("hostEvents: { spuriousShare: 1.5 }\n" + Vms, "c.yaml:1: hostEvents.spuriousShare: 1.5 is out of range; allowed: 0 to 1")]
    [InlineData("hostEvents: { mix: { munmap: 1 } }\n" + Vms, "c.yaml:1: hostEvents.mix.munmap: unknown key; allowed: unmap, dont-need")]
    [InlineData("hostEvents: { rate: 1, mix: { unmap: 0 } }\n" + Vms, "c.yaml:1: hostEvents.mix: all weights are 0")]
    [InlineData("hostEvents: 5\n" + Vms, "c.yaml:1: hostEvents: is a value, not a section; allowed: a section with rate")]
    [InlineData("memslotUpdates: { rate: 5 }\n" + Vms, "c.yaml:1: memslotUpdates.rate: no VM has memory to plug")]
    [InlineData("dirtyLog: { rate: 5 }\nvms:\n  - dirtyLog: none\n", "c.yaml:1: dirtyLog.rate: no VM has a dirty log")]
    [InlineData("migrations: { rate: 1 }\nsilos: 1\n" + Vms, "c.yaml:1: migrations.rate: there is no other host to migrate to; allowed: "
        + "0, or silos of at least 2")]
    [InlineData("migrations: { rate: 1 }\nvms:\n  - dirtyLog: none\n", "c.yaml:1: migrations.rate: no VM has a dirty log; allowed: 0, "
        + "or a VM whose dirtyLog is not none")]
    [InlineData("migrations: { cpuThrottleInitial: 50, maxCpuThrottle: 20 }\n" + Vms, "c.yaml:1: migrations.cpuThrottleInitial: is 50, "
        + "and maxCpuThrottle is 20; allowed: at most maxCpuThrottle")]
    [InlineData("migrations: { maxBandwidth: 10MiB }\n" + Vms, "c.yaml:1: migrations.maxBandwidth: '10MiB' is not a rate; allowed: "
        + "0B/s to 1024GiB/s, as in 1GiB/s")]
    [InlineData("migrations: { linkBandwidth: 2048GiB/s }\n" + Vms, "c.yaml:1: migrations.linkBandwidth: 2048GiB/s is out of range; "
        + "allowed: 0B/s to 1024GiB/s, as in 1GiB/s")]
    [InlineData("migrations: { throttle: hard }\n" + Vms, "c.yaml:1: migrations.throttle: 'hard' is unknown; allowed: none, "
        + "auto-converge, dirty-limit")]
    [InlineData("migrations:\n  rate: 1\n  multifd-channels: 2\n" + Vms, "c.yaml:3: migrations.multifd-channels: unknown key; allowed: "
        + "rate, count, start, inFlight, pingPong")]
    [InlineData("migrations: { multifdChannels: 65 }\n" + Vms,
        "c.yaml:1: migrations.multifdChannels: 65 is out of range; allowed: 1 to 64")]
    [InlineData("memory: 3MiB\nmigrations: { rate: 1 }\nvms:\n  - { count: 2, guest: { bytesPerVcpu: 2MiB } }\n",
        "c.yaml:1: memory: a host has 768 frames of 4096 bytes, and the VMs of the fullest one and the largest that may come have 1024 "
            + "pages; allowed: memory of at least 5MiB")]
    [InlineData("minimum: { teardowns: 1 }\n" + Vms, "c.yaml:1: minimum.teardowns: can never be reached, as nothing does it; allowed: "
        + "0, or a teardowns.rate above 0")]
    [InlineData("minimum: { migrationsCompleted: 3 }\nmigrations: { rate: 1, count: 2 }\n" + Vms,
        "c.yaml:1: minimum.migrationsCompleted: can never be reached, as migrations.count is 2; allowed: at most 2")]
    [InlineData("memory: 64GiB\npageSize: 64\n" + Vms, "c.yaml:1: memory: a host has 1073741824 frames of 64 bytes; allowed: "
        + "at most 268435456 frames")]
    [InlineData("description: \"\\e[31m\"\n" + Vms, "c.yaml:1: description: has a control character; allowed: ")]
    [InlineData("vms:\n  - guest: { trace: \"a\\0b\" }\n", "c.yaml:2: vms.0.guest.trace: has a control character; allowed: ")]
    [InlineData("reached: { fault-retired: 1 }\n" + Vms, "c.yaml:1: reached.fault-retired: unknown key; allowed: fault-retried, ")]
    [InlineData("reached: { death-in-migration: 1 }\n" + Vms, "c.yaml:1: reached.death-in-migration: unknown key; allowed: fault-")]
    [InlineData("reached: [fault-retried]\n" + Vms, "c.yaml:1: reached: is a list, not a section; allowed: a section with fault-")]
    [InlineData("reached: { fault-retried: often }\n" + Vms, "c.yaml:1: reached.fault-retried: 'often' is not a whole number; allowed: 0")]
    [InlineData("reached: { page-merged: 1 }\n" + Vms, "c.yaml:1: reached.page-merged: is never met, as nothing does it; allowed: 0, "
        + "or a ksm.rate above 0")]
    [InlineData("minimum: { migrations: 1 }\n" + Vms, "c.yaml:1: minimum.migrations: unknown key; allowed: accesses")]
    [InlineData("memory: 1MiB\nvms:\n  - guest: { bytesPerVcpu: 64MiB }\n",
        "c.yaml:1: memory: the VMs of host 0 have 16384 pages, and the host has 256 frames of 4096 bytes; allowed: "
            + "memory of at least 64MiB")]
    [InlineData("vms: &x\n  - vcpus: 1\n", "c.yaml:1: vms: has an anchor; allowed: plain values")]
    [InlineData("vms: *x\n", "c.yaml:1: vms: is an alias")]
    [InlineData("vms: !!seq\n  - vcpus: 1\n", "c.yaml:1: vms: has a tag")]
    [InlineData(Vms + "---\nname: b\n", "c.yaml:3: campaign: a second document begins")]
    [InlineData("- a\n- b\n", "c.yaml:1: campaign: is a list, not a section")]
    [InlineData("", "c.yaml: is empty or no regular file")]
    [InlineData("name: \"open\nvms:\n", "c.yaml:")]
    [InlineData("a: {b: {c: {d: {e: {f: {g: {h: {i: {j: 1}}}}}}}}}\n", "c.yaml:1: a.b.c.d.e.f.g.h.i: is nested too deeply")]
    public async Task A_wrong_campaign_file_is_refused_with_its_line_and_what_is_allowed(string yaml, string expected)
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Usage, await harness.RunCampaignAsync(yaml));
        AssertRefused(harness, expected);
    }

    [Theory]
    [InlineData("--set vms.0.vcpus=0: vms.0.vcpus: 0 is out of range; allowed: 1 to 254", "--set", "vms.0.vcpus=0")]
    [InlineData("--set vms.3.vcpus=1: vms.3: there is no such item; allowed: 0 to 0", "--set", "vms.3.vcpus=1")]
    [InlineData("--set vms.0.cpus=1: vms.0.cpus: unknown key; allowed: name, count, vcpus", "--set", "vms.0.cpus=1")]
    [InlineData("--set nonsense=1: nonsense: unknown key", "--set", "nonsense=1")]
    [InlineData("--set nonsense: is no setting; allowed: --set key=value", "--set", "nonsense")]
    [InlineData("--set vms=4: vms: is a value, not a list", "--set", "vms=4")]
    [InlineData("--set hostEvents.rate=fast: hostEvents.rate: 'fast' is not a number", "--set", "hostEvents.rate=fast")]
    [InlineData("--set hostEvents.rate.x=1: hostEvents.rate: is a section, not a value", "--set", "hostEvents.rate.x=1")]
    [InlineData("--set memory=1MiB: memory: the VMs of host 0 have 10000 pages",
        "--set", "vms.0.hotplugPages=9984", "--set", "memory=1MiB")]
    [InlineData("--set silos=2: silos: is also set by --silos 3; allowed: each key once", "--silos", "3", "--set", "silos=2")]
    [InlineData("--silos 17: silos: 17 is out of range; allowed: 1 to 16", "--silos", "17")]
    [InlineData("--silos many: silos: 'many' is not a whole number", "--silos", "many")]
    [InlineData("--protocol mutex: protocol: 'mutex' is unknown; allowed: unconditional", "--protocol", "mutex")]
    [InlineData("--mutant x: mutant: 'x' is unknown; allowed: none", "--mutant", "x")]
    [InlineData("--placement up: placement: 'up' is unknown; allowed: spread, packed", "--placement", "up")]
    [InlineData("--duration soon: duration: 'soon' is not a duration", "--duration", "soon")]
    [InlineData("--seed -1: seed: -1 is out of range", "--seed", "-1")]
    [InlineData("--redis: is missing; allowed: the option, LIVEBED_REDIS, a file (--config), or a cluster of this folder", "--connect")]
    [InlineData("--redis here: is no address of Redis; allowed: HOST:PORT", "--connect", "--redis", "here")]
    [InlineData("--cluster-id a/b: is no cluster's id; allowed: 1 to 63 letters", "--connect", "--redis", "h:1", "--cluster-id", "a/b")]
    [InlineData("--join-timeout 0: is no time; allowed: 1 to 3600 seconds", "--connect", "--redis", "h:1", "--join-timeout", "0")]
    [InlineData("--config no.json: cannot be read", "--connect", "--config", "no.json")]
    [InlineData("--connect: the cluster has its processes already; allowed: --connect or --processes", "--connect", "--processes")]
    [InlineData("--port 9000: the silos of a cluster listen already", "--connect", "--redis", "h:1", "--port", "9000")]
    [InlineData("--redis: the run uses no cluster; allowed: with --connect, and --redis with --processes", "--redis", "h:1")]
    [InlineData("--otlp localhost: is no address; allowed: an http or https URL", "--otlp", "localhost")]
    [InlineData("livebed: '--silo' is unknown; allowed: ", "--silo")]
    [InlineData("livebed: Required argument missing for option: '--seed'; allowed: ", "--seed")]
    public async Task A_wrong_option_is_refused_by_its_own_name(string expected, params string[] options)
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Usage, await harness.RunCampaignAsync(CommandHarness.SmallCampaign, options));
        AssertRefused(harness, expected);
    }

    [Theory]
    [InlineData("livebed: 'frobnicate' is unknown; allowed: " + Commands, "frobnicate")]
    [InlineData("livebed: '--silos' is unknown; allowed: " + Commands, "--silos", "3")]
    [InlineData("list everything: there is no such list; allowed: protocols, mutants, checks, reached, scenarios, prices, campaigns",
        "list", "everything")]
    [InlineData("nowhere: there is no such campaign; allowed: a file, or one of convergence, deadline, default, dirty-log",
        "run", "nowhere")]
    [InlineData("sub/nowhere.yaml: there is no such campaign", "run", "sub/nowhere.yaml")]
    [InlineData("livebed: 'spurious' is unknown; allowed: ", "run", "default", "spurious")]
    public async Task A_wrong_command_is_refused(string expected, params string[] arguments)
    {
        using var harness = new CommandHarness();
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync(arguments));
        AssertRefused(harness, expected);
    }

    [Theory]
    [InlineData("taken")]
    [InlineData("taken/below")]
    public async Task An_output_folder_that_cannot_be_written_is_found_at_the_door(string folder)
    {
        var runner = new FakeRunner((_, _, _, _) => throw new InvalidOperationException("the run must not begin"));
        using var harness = new CommandHarness(runner);
        harness.Folder.Write("taken", "a file where a folder should be");
        Assert.Equal(ExitCodes.Usage, await harness.RunCampaignAsync(CommandHarness.SmallCampaign, "--out", folder));
        AssertRefused(harness, "--out ");
        Assert.Null(runner.Campaign);
    }

    [Fact]
    public async Task A_campaign_that_is_not_text_is_refused()
    {
        using var harness = new CommandHarness();
        File.WriteAllBytes(harness.Folder.PathOf("c.yaml"), [0x6e, 0x61, 0xfd, 0x80]);
        Assert.Equal(ExitCodes.Usage, await harness.RunAsync("run", "c.yaml"));
        AssertRefused(harness, "c.yaml: the file is not UTF-8 text");
    }

    [Fact]
    public async Task What_the_runner_refuses_leaves_no_folder_behind()
    {
        using var harness = new CommandHarness(
            new FakeRunner((_, _, _, _) => throw new UsageException("port 4317 is in use; allowed: a free port")));
        Assert.Equal(ExitCodes.Usage, await harness.RunCampaignAsync(CommandHarness.SmallCampaign));
        Assert.EndsWith("port 4317 is in use; allowed: a free port\n", harness.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(harness.Folder.PathOf("runs")));
    }

    private static void AssertRefused(CommandHarness harness, string expected)
    {
        Assert.StartsWith(expected, harness.Error, StringComparison.Ordinal);
        Assert.Contains("; allowed: ", harness.Error, StringComparison.Ordinal);
        Assert.Equal(harness.Error.Length - 1, harness.Error.IndexOf('\n', StringComparison.Ordinal));
        Assert.Empty(harness.Out);
        Assert.False(Directory.Exists(harness.Folder.PathOf("runs")));
    }
}
