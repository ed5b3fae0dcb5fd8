using Livebed.Driver.Kernels;
using Livebed.Explorer.Kernels;
using Livebed.Linux.Kvm;

namespace Livebed.Driver.Tests.Kernels;

public sealed class KnownDisagreementTests
{
    [Theory]
    [InlineData("6.18", 94, 60, 0, nameof(RaceVerdict.Known))]
    [InlineData("6.16", 2, 2, 0, nameof(RaceVerdict.Known))]
    [InlineData("6.18", 0, 0, 0, nameof(RaceVerdict.Holds))]
    [InlineData("6.18", 3, 0, 0, nameof(RaceVerdict.Holds))]
    [InlineData("6.18", 20, 0, 0, nameof(RaceVerdict.Gone))]
    [InlineData("6.18", 0, 1, 0, nameof(RaceVerdict.Broken))]
    [InlineData("6.18", 94, 60, 1, nameof(RaceVerdict.Broken))]
    [InlineData("6.15", 20, 0, 0, nameof(RaceVerdict.Holds))]
    [InlineData("6.15", 20, 1, 0, nameof(RaceVerdict.Broken))]
    public void A_loss_is_explained_where_it_is_known_and_a_known_one_that_is_gone_is_told(
        string kernel, long cutShort, long lost, long wrong, string verdict)
    {
        var known = KnownDisagreement.Of(Race(KvmLog.Ring, KvmDisturbance.Signal), Version.Parse(kernel));
        Assert.Equal(verdict, KnownDisagreement.Judge(known, cutShort, lost, wrong).ToString());
    }

    [Theory]
    [InlineData(KvmDisturbance.Merge, 100, 10, 1, nameof(RaceVerdict.Holds))]
    [InlineData(KvmDisturbance.Merge, 100, 10, 0, nameof(RaceVerdict.Unknown))]
    [InlineData(KvmDisturbance.None, 100, 10, 0, nameof(RaceVerdict.Holds))]
    [InlineData(KvmDisturbance.None, 0, 10, 0, nameof(RaceVerdict.Unknown))]
    [InlineData(KvmDisturbance.Fork, 100, 0, 0, nameof(RaceVerdict.Unknown))]
    public void A_race_that_did_not_come_to_what_it_is_for_shows_nothing(
        KvmDisturbance beside, long writes, long rounds, long unshared, string verdict)
    {
        var hasRaced = KnownDisagreement.HasRaced(beside, writes, rounds, unshared);
        Assert.Equal(verdict, KnownDisagreement.Judge(null, 0, 0, 0, hasRaced).ToString());
        Assert.Equal(RaceVerdict.Broken, KnownDisagreement.Judge(null, 0, 1, 0, hasRaced));
    }

    [Fact]
    public void Nothing_is_known_of_other_races_and_the_document_has_what_is()
    {
        Assert.Null(KnownDisagreement.Of(Race(KvmLog.Bitmap, KvmDisturbance.Signal), new Version(6, 18)));
        Assert.Null(KnownDisagreement.Of(Race(KvmLog.Ring, KvmDisturbance.Move), new Version(6, 18)));
        Assert.All(
            [.. KnownDisagreement.All.Select(known => known.Name), .. Normaliser.All.Select(normaliser => normaliser.Name)],
            name => Assert.Contains($"`{name}`", Repository.File("docs/kernel.md"), StringComparison.Ordinal));
        Assert.All(
            Normaliser.All,
            normaliser => Assert.Equal(
                normaliser.Name,
                ScriptReader.ReadFile(
                    Path.Combine(Repository.Root, $"tests/Explorer.Tests/Kernels/{normaliser.Name}.script"), normaliser.Name).Shows));
    }

    private static KvmRaceOptions Race(KvmLog log, KvmDisturbance beside) => new(log, beside, 1, TimeSpan.FromSeconds(1), 1);
}
