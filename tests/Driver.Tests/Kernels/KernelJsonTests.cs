using System.Text.Json;
using Livebed.Driver.Exploring;
using Livebed.Driver.Kernels;
using Livebed.Driver.Tests.Docs;
using Livebed.Explorer.Kernels;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Memslots;
using Livebed.Linux.Kvm;

namespace Livebed.Driver.Tests.Kernels;

/// <summary>docs/kernel.md has a row for each field that the commands of `kernel` print, and no others.</summary>
public sealed class KernelJsonTests
{
    private static readonly KvmSurvey _survey = new(
        "6.12.0", "kvm_amd", new Dictionary<string, int> { ["KVM_CAP_NR_MEMSLOTS"] = 32764 },
        new Dictionary<string, string> { ["kvm_amd.npt"] = "Y" });

    /// <summary>A page that the guest has only read is in the kernel's log, and one that it has written is not in the model's.</summary>
    private static readonly PlayedScript _differing = new(
        ScriptReader.Read("x", "set slot=0 gfn=16 pages=4 at=0 flags=log => ok\nread gfn=17\nget slot=0\nget slot=0"),
        ["ok", "0", "none", "none", "violates S8: x"], ["ok", "0", "1", "2"], Normaliser.Of(KvmFlavour.Hardware));

    public static TheoryData<string> Headings => ["### kernel", "### play", "### race", "### survey"];

    [Theory]
    [MemberData(nameof(Headings))]
    public void Every_field_has_its_row_and_every_row_its_field(string heading)
    {
        using var json = JsonDocument.Parse(JsonSerializer.Serialize(Printed(heading), ExploreJson.Options));
        var fields = JsonPaths.Of(json.RootElement).Select(path => path
            .Replace(".KVM_CAP_NR_MEMSLOTS", ".<capability>", StringComparison.Ordinal)
            .Replace(".kvm_amd.npt", ".<module>.<parameter>", StringComparison.Ordinal)
            .Replace(".read-may-be-dirty", ".<normaliser>", StringComparison.Ordinal));
        var documented = Documents.Table("docs/kernel.md", heading).Select(row => row[0].Trim('`')).ToList();
        Assert.Equal(documented, fields.Distinct());
    }

    [Fact]
    public void The_played_script_of_the_sample_differs_where_it_is_said_to()
    {
        Assert.Equal(["read-may-be-dirty"], _differing.Needed);
        Assert.Equal(3, _differing.Comparison?.Difference?.Step);
        Assert.False(_differing.IsAsExpected);
    }

    private static object Printed(string heading) => heading switch
    {
        "### kernel" => KernelCommand.JsonOf(
            new KernelRequest([DirtyLogMode.Bitmap], 1, 4, 1, Mutant.MoveDropsBitmap, ModelAlone: false, Json: true), survey: null,
            [
                new ModeResult(DirtyLogMode.Bitmap, 1, 4, new Dictionary<string, int> { ["read-may-be-dirty"] = 1 }, Difference: null),
            ],
            [new GoneNormaliser(Normaliser.ReadIsDirty, 100)], interrupted: false),
        "### play" => new { scripts = (object[])[_differing.ToJson("s.script")] },
        "### race" => RaceCommand.JsonOf(
            new RaceRequest(TimeSpan.FromSeconds(2), 2, 1, Json: true) { Logs = [DirtyLogMode.Ring] },
            [
                new RaceResult(
                    new KvmRaceOptions(KvmLog.Ring, KvmDisturbance.Signal, 2, TimeSpan.FromSeconds(2), 1), new KvmRaceCounts(),
                    KnownDisagreement.All[0], RaceVerdict.Known),
            ],
            new KvmPfnCacheCounts(1, 2, 0), interrupted: false),
        _ => _survey,
    };
}
