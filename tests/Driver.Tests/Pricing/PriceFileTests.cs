using Livebed.Driver.CampaignFiles;
using Livebed.Driver.Errors;
using Livebed.Driver.Pricing;
using Livebed.Explorer.Pricing;

namespace Livebed.Driver.Tests.Pricing;

/// <summary>Price lists: those that are shipped, and what is wrong with one.</summary>
public sealed class PriceFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Shipped => [.. PriceFile.Names(Folders(Repository.Root))];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Shipped))]
    public void A_shipped_list_is_whole_and_names_a_source_or_an_estimate_for_each_price(string name)
    {
        var list = PriceFile.Read(name, Folders(Repository.Root));
        Assert.Equal(name, list.Name);
        Assert.All(PriceNames.All, price => Assert.True(list.EntryOf(price).Source.Length > 10, PriceNames.NameOf(price)));
        Assert.Contains(PriceNames.All, price => !list.EntryOf(price).IsEstimate);
    }

    [Theory]
    [InlineData("ns: 7\n", "ns: fast\n", "p.yaml:7: prices.atomic-own.ns: 'fast' is not a whole number")]
    [InlineData("ns: 7\n", "ns: 70\n", "p.yaml:8: prices.atomic-own.range: is 5 to 20, and ns is 70")]
    [InlineData("range: [5, 20]\n", "range: 5\n", "p.yaml:8: prices.atomic-own.range: is no range")]
    [InlineData("  atomic-own:\n", "  atomic-owm:\n", "p.yaml:6: prices.atomic-owm: is unknown")]
    [InlineData("machine:", "maschine:", "p.yaml:3: machine: is missing")]
    [InlineData("broadcasts-flushes: false", "broadcasts-flushes: no", "p.yaml:4: broadcasts-flushes: 'no' is not true or false")]
    public void What_is_wrong_is_said_with_file_line_and_key(string good, string bad, string expected)
    {
        var text = Repository.File("prices/x86-2021.yaml");
        Assert.Contains(good, text, StringComparison.Ordinal);
        _folder.Write("p.yaml", text.Replace(good, bad, StringComparison.Ordinal));
        var problem = Assert.Throws<UsageException>(() => PriceFile.Read("p.yaml", Folders(_folder.FullPath)));
        Assert.StartsWith(expected, problem.Message, StringComparison.Ordinal);
        Assert.Contains("allowed: ", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_price_that_is_left_out_is_missed()
    {
        var text = Repository.File("prices/x86-2021.yaml");
        var (from, to) = (
            text.IndexOf("  atomic-near:", StringComparison.Ordinal), text.IndexOf("  atomic-far:", StringComparison.Ordinal));
        _folder.Write("p.yaml", text[..from] + text[to..]);
        var problem = Assert.Throws<UsageException>(() => PriceFile.Read("p.yaml", Folders(_folder.FullPath)));
        Assert.Contains("prices.atomic-near: is missing", problem.Message, StringComparison.Ordinal);
    }

    private static CampaignFolders Folders(string current) => new(current, Path.Combine(Repository.Root, "campaigns"));
}
