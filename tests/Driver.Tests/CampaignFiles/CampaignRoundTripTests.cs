using Livebed.Driver.CampaignFiles;
using Livebed.Driver.Campaigns;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Kvm.Checks;

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

    /// <summary>A run that never met what its campaign exists for proves nothing.</summary>
    [Theory]
    [MemberData(nameof(Shipped))]
    public void A_shipped_campaign_names_the_cases_that_it_exists_for_or_says_why_it_names_none(string name)
    {
        var needs = Reader.Read(name, []).Reached;
        var reason = Repository.File($"campaigns/{name}.yaml").Split('\n')
            .Where(line => line.StartsWith("# Reached: none is named, as ", StringComparison.Ordinal)).ToList();
        Assert.Equal(needs.Count == 0 ? 1 : 0, reason.Count);
        Assert.All(needs.Values, times => Assert.InRange(times, 1, long.MaxValue));
    }

    [Fact]
    public void Every_mutant_has_its_campaign() =>
        Assert.All(
            Mutant.All.Where(mutant => mutant.Campaign is not null),
            mutant => Assert.NotNull(_folders.FindCampaign(mutant.Campaign!)));

    public static TheoryData<string> EveryKey => [.. Campaign.Keys.Document("").Select(key => key.Path)];

    /// <summary>A new key is tried without a word here: it takes the first of these values, or of those that it lists, that it allows and
    /// that changes the file.</summary>
    private static readonly string[] _values =
        ["true", "false", "2", "1", "64", "128", "0.25", "750ms", "25MiB", "25MiB/s", "text", "workloads/redis.dirty.gz", "no-tlb-flush"];

    /// <summary>A guest that replays a trace and a synthetic one have different keys. The warm-up would follow the duration.</summary>
    private const string BothGuests = """
        warmup: 5s
        vms:
          - { name: replay, guest: { trace: workloads/sqlite.dirty.gz } }
          - { name: synthetic, hotplugPages: 5 }
        """;

    /// <summary>A least of what nothing does is refused.</summary>
    private const string EverythingIsDone = """

        ksm: { rate: 1 }
        memslotUpdates: { rate: 1 }
        dirtyLog: { rate: 1 }
        migrations: { rate: 1 }
        teardowns: { rate: 1 }
        reached: { fault-retried: 1 }
        nemesis: { mix: { slow: 1 } }
        """;

    [Theory]
    [MemberData(nameof(EveryKey))]
    public void A_key_survives_with_a_value_that_is_not_its_default_and_changes_no_other(string path)
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write(
            "both.yaml", path.Split('.')[0] is "minimum" or "reached" or "nemesis" ? BothGuests + EverythingIsDone : BothGuests);
        var before = Written(file, []);
        var key = Campaign.Keys.Document("").Single(key => key.Path == path);
        var after = (from at in new[] { "vms.0", "vms.1" }
                     from value in key.Allowed.Split(", ").Concat(_values)
                     select Written(file, [new("test", path.Replace("vms[]", at, StringComparison.Ordinal), value)]))
            .FirstOrDefault(text => text is not null && text != before);
        Assert.NotNull(after);
        var changed = after.Split('\n').Where((line, at) => at >= before!.Split('\n').Length || line != before.Split('\n')[at]);
        Assert.StartsWith($"{path.Split('.')[^1]}: ", changed.First().Trim(' ', '-'), StringComparison.Ordinal);
        Assert.InRange(Lines(after).Except(Lines(before!)).Count(), 0, 1);
        Assert.Equal(after, Written(folder.Write("again.yaml", after), []));

        static string[] Lines(string text) => text.Split('\n');
    }

    /// <summary>The campaign as it is written back; null when it is refused.</summary>
    private static string? Written(string file, IReadOnlyList<Override> overrides)
    {
        try
        {
            return CampaignWriter.Write(new CampaignReader(_folders, _ => 4096).Read(file, overrides), "comment");
        }
        catch (UsageException)
        {
            return null;
        }
    }
}
