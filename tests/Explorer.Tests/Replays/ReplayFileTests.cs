using CsCheck;
using Livebed.Explorer.Replays;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;

namespace Livebed.Explorer.Tests.Replays;

public sealed class ReplayFileTests : IDisposable
{
    private static readonly string[] _lanes = ["vcpu-0", "mm", "op 0.7 (VmDestroy)~3", "a: b"];
    private static readonly string[] _omitted = ["mm", "mm#2", "vcpu-0"];

    private readonly string _folder = Directory.CreateTempSubdirectory("livebed-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void What_is_written_is_read_again() => Gen.Select(
        Gen.ULong, Gen.ULong, Gen.Bool, Gen.Select(Gen.Int[0, 3].Select(index => _lanes[index]), Gen.Int[1, 1_000_000]).List[0, 20],
        Gen.Int[0, 2].Select(index => _omitted[index]).List[0, 3]).Sample((seed, hash, callsArePoints, runs, without) =>
    {
        var replay = Small() with
        {
            Seed = seed,
            LogHash = hash,
            CallsArePoints = callsArePoints,
            ProtocolAssembly = callsArePoints ? null : "mine.dll",
            Schedule = [.. runs.Select(run => new ScheduleRun(run.Item1, run.Item2))],
            Without = without.Aggregate(Exclusions.None, (omissions, name) => omissions.With(name)),
        };
        var path = PathOf("r.json");
        ReplayFile.Write(path, replay);
        var read = ReplayFile.Read(path);
        Assert.Equal(replay.Schedule, read.Schedule);
        Assert.Equal(replay.Without.Names, read.Without.Names);
        Assert.Equal(replay.Parameters.OrderBy(set => set.Key), read.Parameters.OrderBy(set => set.Key));
        Assert.Equal(replay.Violates, read.Violates);
        Assert.Equal(
            (replay.Scenario, replay.Protocol, replay.ProtocolAssembly, replay.Mutant, replay.Seed, replay.LogHash, replay.CallsArePoints),
            (read.Scenario, read.Protocol, read.ProtocolAssembly, read.Mutant, read.Seed, read.LogHash, read.CallsArePoints));
    }, iter: 100, threads: 1);

    [Fact]
    public void Nothing_is_left_beside_the_file()
    {
        ReplayFile.Write(PathOf("r.json"), Small());
        Assert.Equal([PathOf("r.json")], Directory.GetFiles(_folder));
    }

    [Theory]
    [InlineData("{", ":1: ", null)]
    [InlineData("[]", "this is no replay", null)]
    [InlineData("{\"format\": \"other\"}", "\"format\" must be \"livebed-replay\"", null)]
    [InlineData("{\"format\": \"livebed-replay\"}", "\"version\" is missing", null)]
    [InlineData("{\"format\": \"livebed-replay\", \"version\": 99}", "a replay of version 99; this livebed reads version", null)]
    [InlineData("\"seed\"", "seeds", "\"seeds\"")]
    [InlineData("\"mm: 2\"", "schedule[0]: \"mm: 0\"", "\"mm: 0\"")]
    [InlineData("\"mm: 2\"", "schedule[0]: \"mm\"; allowed", "\"mm\"")]
    [InlineData("00000000000000ff", "\"xyz\" is no hexadecimal number", "xyz")]
    [InlineData("{\"format\": \"livebed-replay\", \"version\": \"1\"}", "\"version\" is missing or no number", null)]
    [InlineData("null", "this is no replay", null)]
    [InlineData("{\"format\": \"\\ud800\"}", "this is no replay", null)]
    [InlineData("\"mm: 2\"", "$.schedule[0]: a list has an item that is null", "null")]
    [InlineData("\"without\": []", "without", "\"without\": null")]
    [InlineData("\"without\": []", "without", "\"without\": [null]")]
    [InlineData("\"mutant\": \"none\"", "mutant", "\"mutant\": null")]
    [InlineData("\"S2\"", "$.violates[0]: a list has an item that is null", "null")]
    [InlineData("\"protocolAssembly\": null", "protocolAssembly: has a control character", "\"protocolAssembly\": \"a\\u0000b\"")]
    public void An_error_is_one_line_with_the_path_and_what_is_wrong(string text, string expected, string? replacement)
    {
        var path = PathOf("r.json");
        ReplayFile.Write(path, Small());
        var content = File.ReadAllText(path);
        if (replacement is not null) Assert.Contains(text, content, StringComparison.Ordinal);
        File.WriteAllText(path, replacement is null ? text : content.Replace(text, replacement, StringComparison.Ordinal));
        var message = Assert.Throws<ReplayException>(() => ReplayFile.Read(path)).Message;
        Assert.StartsWith(path, message, StringComparison.Ordinal);
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void A_missing_file_is_said_to_be_missing() =>
        Assert.StartsWith(
            PathOf("none.json"), Assert.Throws<ReplayException>(() => ReplayFile.Read(PathOf("none.json"))).Message,
            StringComparison.Ordinal);

    private string PathOf(string name) => Path.Combine(_folder, name);

    private static Replay Small() => new()
    {
        Scenario = "fault-vs-invalidate",
        Protocol = "active-count",
        Mutant = "none",
        Parameters = new Dictionary<string, int> { ["vcpus"] = 1, ["ranges"] = 2 },
        Seed = 0,
        Without = Exclusions.None,
        Schedule = [new ScheduleRun("mm", 2)],
        Violates = ["S2"],
        LogHash = 0xff,
    };
}
