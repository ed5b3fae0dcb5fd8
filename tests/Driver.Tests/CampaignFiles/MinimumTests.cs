using Livebed.Driver.CampaignFiles;
using Livebed.Driver.Campaigns;

namespace Livebed.Driver.Tests.CampaignFiles;

/// <summary>What becomes of a campaign's minimum and its warm-up when the command line makes it shorter.</summary>
public sealed class MinimumTests
{
    private const string Yaml = "duration: 20s\nteardowns: { rate: 1 }\nvms: [{}]\nminimum: { accesses: 1000, faults: 10, teardowns: 1 }\n";

    [Fact]
    public void A_shorter_duration_scales_the_file_s_counts_and_leaves_those_of_the_command_line()
    {
        var campaign = Read(Yaml, "duration=2s", "minimum.faults=7");
        Assert.Equal((100, 7, 0), (campaign.Minimum["accesses"], campaign.Minimum["faults"], campaign.Minimum["teardowns"]));
        Assert.Equal(1_000, Read(Yaml, "duration=40s").Minimum["accesses"]);
        Assert.Equal(500, Read("minimum: { accesses: 1000 }\nvms: [{}]\n", "duration=15s").Minimum["accesses"]);
        Assert.Equal(1, Read("vms: [{}]\n", "duration=1s").Minimum["accesses"]);
    }

    [Fact]
    public void A_campaign_that_was_written_back_is_not_scaled_again()
    {
        using var folder = new TemporaryFolder();
        var written = folder.Write("c.yaml", CampaignWriter.Write(Read(Yaml, "duration=2s"), "resolved"));
        Assert.Equal(100, new CampaignReader(new(folder.FullPath, folder.FullPath), _ => 1).Read(written, []).Minimum["accesses"]);
    }

    [Fact]
    public void The_least_delivered_share_keeps_its_default_beside_counts_and_is_not_scaled()
    {
        Assert.Equal(0.5, Read(Yaml, "duration=2s").MinimumDeliveredShare);
        Assert.Equal(0.25, Read("vms: [{}]\nminimum: { deliveredShare: 0.25 }\n", "duration=2s").MinimumDeliveredShare);
        Assert.Equal(0, Read(Yaml, "minimum.deliveredShare=0").MinimumDeliveredShare);
    }

    [Theory]
    [InlineData("duration: 20s", "", 2_000)]
    [InlineData("duration: 2m", "", 5_000)]
    [InlineData("duration: 20s", "duration=1s", 100)]
    [InlineData("warmup: 7s", "duration=1s", 7_000)]
    [InlineData("warmup: 7s", "warmup=0s", 0)]
    public void The_warm_up_is_a_tenth_of_the_duration_unless_it_is_given(string line, string set, int milliseconds) => Assert.Equal(
        TimeSpan.FromMilliseconds(milliseconds), Read(line + "\nvms: [{}]\n", set.Length > 0 ? [set] : []).WarmUp);

    private static Campaign Read(string yaml, params string[] sets)
    {
        using var folder = new TemporaryFolder();
        var reader = new CampaignReader(new(folder.FullPath, folder.FullPath), _ => 1);
        return reader.Read(folder.Write("c.yaml", yaml), [.. sets.Select(Override.Parse)]);
    }
}
