using System.Globalization;
using Livebed.Driver.CampaignFiles;
using Livebed.Driver.Pricing;
using Livebed.Explorer.Pricing.Scenarios;
using Livebed.Kvm.Vms;
using Xunit.Abstractions;

namespace Livebed.Driver.Tests.Pricing;

/// <summary>The same events on every machine: the hash of each scenario's events under the shipped prices. A change of the model, of a
/// price or of a scenario changes hashes; the output has the new ones.</summary>
public sealed class PriceEventTests(ITestOutputHelper output)
{
    private static readonly Dictionary<(string Scenario, string Prices), string> _hashes = new()
    {
        [("spurious-brownout", "x86-2021")] = "e84091ca416bef08 192de12a3eaf7aff c3b67e1ac83f3acc",
        [("uncontended", "x86-2021")] = "9b1058ce4abbd485 54ffd4650828a378 9b1058ce4abbd485",
        [("memslot-under-ranges", "x86-2021")] = "1400f2c78eba1cd5 14eebedec8d4e67d 9567d01168449449",
        [("dirty-log-perf", "x86-2021")] = "fc9d0995c23f01ec 944a288118e953f7 944a288118e953f7",
        [("memslot-perf", "x86-2021")] = "be0db01d20de2a5f 10b56d322dfabebe 10b56d322dfabebe",
        [("numa-balancing", "x86-2021")] = "76bdcffaad7f9846 c5250ca9ba5db7c3 104f5a74887c32c5",
        [("rebuild-after-migration", "x86-2021")] = "1209478a72332d55 ff91043d18b9fa60 0ab5c6d1e95ae96a",
        [("ksm-scan", "x86-2021")] = "bcba60656c9e6093 796e47938f66d3aa d886d5596a8e6f40",
        [("teardown", "x86-2021")] = "7cc5f36c1de9f949 0a930e785974cbc9 7cc5f36c1de9f949",
        [("spurious-brownout", "arm64")] = "a921117c9215d555 323c0d8a1cc3a200 b4693db445a4a8cb",
        [("uncontended", "arm64")] = "3be581294bce6617 b19a4ba4075826b4 3be581294bce6617",
        [("memslot-under-ranges", "arm64")] = "9adac4985cf1bafe b4186c7a9d8de777 17c9f72a955b8f4f",
        [("dirty-log-perf", "arm64")] = "04ee13f78a4cd6fe c59da495f167ee27 c59da495f167ee27",
        [("memslot-perf", "arm64")] = "b754eeb0eb58ce9d 156ebdaadb2d52d6 156ebdaadb2d52d6",
        [("numa-balancing", "arm64")] = "3616dbe86d75c13c 8c77a3113eaef6c0 36de0ab1d63f96dd",
        [("rebuild-after-migration", "arm64")] = "abdb5fecb30fab8d ed5e402b1f7fde90 143a4a51d9b66a79",
        [("ksm-scan", "arm64")] = "fe94071dab9a5680 15c2e3c3d37a112b 5270537d93a97b3e",
        [("teardown", "arm64")] = "4438fff20dcc737b df27e8492e568f68 4438fff20dcc737b",
    };

    public static TheoryData<string, string> All
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var prices in (string[])["x86-2021", "arm64"])
                foreach (var scenario in PricedScenarios.All) data.Add(scenario.Name, prices);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_scenario_has_the_same_events_everywhere(string name, string prices)
    {
        var list = PriceFile.Read(prices, new CampaignFolders(Repository.Root, Path.Combine(Repository.Root, "campaigns")));
        var scenario = PricedScenarios.Find(name)!;
        var values = new Dictionary<string, double> { ["ms"] = 2 };
        if (scenario.Parameters.Any(parameter => parameter.Name == PricedScenario.Vcpus)) values[PricedScenario.Vcpus] = 8;
        var hashes = new List<string>();
        foreach (var protocol in (string[])[ProtocolCatalog.Unconditional, ProtocolCatalog.Rwsem, ProtocolCatalog.ActiveCount])
        {
            var result = scenario.Play(new PricedSetup(protocol, list) { Values = values });
            Assert.Empty(result.Violations);
            Assert.True(result.Steps > 0);
            hashes.Add(result.Hash.ToString("x16", CultureInfo.InvariantCulture));
        }

        output.WriteLine($"[(\"{name}\", \"{prices}\")] = \"{string.Join(' ', hashes)}\",");
        Assert.Equal(_hashes.GetValueOrDefault((name, prices)), string.Join(' ', hashes));
    }
}
