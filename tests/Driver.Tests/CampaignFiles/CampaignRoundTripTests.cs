using Livebed.Driver.CampaignFiles;
using Livebed.Driver.Campaigns;
using Livebed.Driver.CommandLine;
using Livebed.Kvm.Mutants;

namespace Livebed.Driver.Tests.CampaignFiles;

/// <summary>A campaign written back is the same campaign; the shipped ones are good.</summary>
public sealed class CampaignRoundTripTests
{
    private static readonly CampaignFolders _folders = new(Path.GetTempPath(), Path.Combine(Repository.Root, "campaigns"));

    private static CampaignReader Reader => new(_folders, CommandEnvironment.PagesOfTrace);

    public static TheoryData<string> Shipped => [.. _folders.Names];

    [Theory]
    [MemberData(nameof(Shipped))]
    public void A_shipped_campaign_reads_writes_and_reads_the_same(string name)
    {
        var first = Reader.Read(name, []);
        Assert.Equal(name, first.Name);
        Assert.NotEmpty(first.Description);
        first.Seed = 1;
        var text = CampaignWriter.Write(first, "a comment");
        using var folder = new TemporaryFolder();
        var second = Reader.Read(folder.Write("again.yaml", text), []);
        Assert.Equal(text, CampaignWriter.Write(second, "a comment"));
        Assert.Equal(first.Vms.Select(vm => vm.RamPages), second.Vms.Select(vm => vm.RamPages));
    }

    [Theory]
    [MemberData(nameof(Shipped))]
    public void A_shipped_campaign_opens_with_its_claim_and_what_to_expect(string name)
    {
        var lines = Repository.File($"campaigns/{name}.yaml").Split('\n');
        Assert.StartsWith("# Claim", lines[0], StringComparison.Ordinal);
        Assert.Contains(lines, line => line.StartsWith("# Expected: ", StringComparison.Ordinal));
    }

    [Fact]
    public void Every_mutant_has_its_campaign() =>
        Assert.All(
            MutantCatalog.All.Where(mutant => mutant.Campaign is not null),
            mutant => Assert.NotNull(_folders.FindCampaign(mutant.Campaign!)));

    [Fact]
    public void Every_key_survives_with_a_value_that_is_not_its_default()
    {
        using var folder = new TemporaryFolder();
        var read = Reader.Read(folder.Write("all.yaml", Everything), []);
        var text = CampaignWriter.Write(read, "comment");
        var again = CampaignWriter.Write(Reader.Read(folder.Write("again.yaml", text), []), "comment");
        Assert.Equal(text, again);
        var paths = CampaignSchema.Root.Document("").ToList();
        var defaults = CampaignWriter.Write(new Campaign { Name = "all", Vms = [new VmSettings { Name = "vm0" }] }, "comment")
            .Split('\n').ToHashSet();
        // Lines that a default campaign has too: only what KSM needs, and values that this test forgot to change.
        var unchanged = text.Split('\n').Where(line => defaults.Contains(line) && line.Contains(": ", StringComparison.Ordinal)).ToList();
        Assert.Equal(["mergeable: true"], unchanged.Select(line => line.Trim()));
        Assert.All(paths.Where(
            key => !key.Path.Contains("mix.", StringComparison.Ordinal) && !key.Path.StartsWith("minimum.", StringComparison.Ordinal)),
            key => Assert.Contains(key.Path.Split('.')[^1] + ":", Everything + text, StringComparison.Ordinal));
    }

    private const string Everything = """
        name: everything
        description: "a text: with # marks and 'quotes'"
        seed: 9007199254740991
        duration: 1500ms
        silos: 7
        placement: packed
        protocol: gfn-range
        mutant: no-tlb-flush
        mmuLock: spin
        pageSize: 512
        memory: 3GiB
        vms:
          - name: synthetic
            count: 2
            vcpus: 3
            guest: { populate: true, bytesPerVcpu: 1MiB, writePercent: 7, order: sequential, access: overlapping, stride: 3, rate: 12345 }
            content: { zeroPercent: 1, repeatedPercent: 2 }
            memslots: 9
            hotplugPages: 11
            dirtyLog: manual
            ringEntries: 256
            tlbEntries: 64
            mergeable: false
          - name: replay
            vcpus: 2
            guest: { trace: workloads/sqlite.dirty.gz, populate: true, speed: 0.25, readPercent: 77 }
            content: { zeroPercent: 3, repeatedPercent: 4 }
            count: 3
            memslots: 8
            hotplugPages: 12
            dirtyLog: ring
            ringEntries: 512
            tlbEntries: 32
        hostEvents: { rate: 12.5, spuriousShare: 0.125, maxPages: 3, hold: 250us, refusesNonBlockable: true, mix: { nested-range: 2.5 } }
        ksm: { rate: 1.25, pagesPerScan: 9 }
        memslotUpdates: { rate: 3.5, mix: { move: 4 } }
        dirtyLog: { rate: 2.25, roundsPerSession: 5, verifyEvery: 3 }
        softwareWrites: { rate: 8.5 }
        migrations:
          rate: 0.375
          count: 9
          start: 3s
          inFlight: 7
          pingPong: false
          cancelShare: 0.625
          cancelWithin: 1750ms
          linkBreakShare: 0.25
          lostAnswerShare: 0.375
          jitter: 35ms
          maxBandwidth: 25MiB/s
          maxPostcopyBandwidth: 11MiB/s
          linkBandwidth: 130MiB/s
          downtimeLimit: 45ms
          multifdChannels: 6
          roundsMax: 37
          throttle: auto-converge
          cpuThrottleInitial: 21
          cpuThrottleIncrement: 13
          maxCpuThrottle: 83
          throttleTriggerThreshold: 47
          vcpuDirtyLimit: 768KiB/s
          postcopyAfterRounds: 14
          timeLimit: 19s
          timeoutAction: postcopy
        teardowns: { rate: 0.1, path: mm-first, insideRange: 0.75, sharesAddressSpace: 1 }
        audits: { rate: 0.2 }
        limits: { starvation: 2s, inFlight: 3, historyRecords: 77, faultRetries: 55 }
        minimum: { faults: 3 }
        telemetry: { sampleRatio: 0.5, slowLockWait: 3ms, slowFault: 4ms, retriesPromoted: 5 }
        """;
}
