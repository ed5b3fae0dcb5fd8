using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Files;

namespace Livebed.Explorer.Replays;

/// <summary>
/// A replay as a JSON file that a person can read and edit: what was set, what is left out, and the schedule, a line a run ("mm: 12"). A
/// file of another version is refused, as its steps would mean something else.
/// </summary>
public static class ReplayFile
{
    public const string Format = "livebed-replay";

    /// <summary>Rises when a file of before cannot be followed any more: another format, or other scheduling points.</summary>
    public const int Version = 1;

    private const long BytesMax = 16 << 20;

    private static readonly JsonSerializerOptions Options = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowDuplicateProperties = false,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        TypeInfoResolver = new DefaultJsonTypeInfoResolver(),
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static void Write(string path, Replay replay)
    {
        var content = new Content
        {
            Format = Format,
            Version = Version,
            Scenario = replay.Scenario,
            Protocol = replay.Protocol,
            ProtocolAssembly = replay.ProtocolAssembly,
            Mutant = replay.Mutant,
            Parameters = new SortedDictionary<string, int>(replay.Parameters.ToDictionary(), StringComparer.Ordinal),
            Livebed = replay.Livebed,
            Seed = replay.Seed,
            CallsArePoints = replay.CallsArePoints,
            Without = [.. replay.Without.Names],
            Violates = [.. replay.Violates],
            LogHash = replay.LogHash.ToString("x16", CultureInfo.InvariantCulture),
            Schedule = [.. replay.Schedule.Select(run => $"{run.Lane}: {run.Steps}")],
        };
        // Whole or not at all.
        var temporary = path + ".part";
        File.WriteAllText(temporary, JsonSerializer.Serialize(content, Options) + "\n");
        File.Move(temporary, path, overwrite: true);
    }

    /// <exception cref="ReplayException">The file is not there, no replay, or of another version; says which, in one line.</exception>
    public static Replay Read(string path)
    {
        var content = Parse(path, ReadBytes(path));
        if (content.ProtocolAssembly?.Any(char.IsControl) == true)
            throw new ReplayException($"{path}: protocolAssembly: has a control character; allowed: the path of a .NET assembly");
        return new Replay
        {
            Scenario = content.Scenario,
            Protocol = content.Protocol,
            ProtocolAssembly = content.ProtocolAssembly,
            Mutant = content.Mutant,
            Parameters = content.Parameters,
            Livebed = content.Livebed,
            Seed = content.Seed,
            CallsArePoints = content.CallsArePoints,
            Without = new Exclusions(new SortedSet<string>(content.Without, StringComparer.Ordinal)),
            Violates = content.Violates,
            LogHash = ulong.TryParse(content.LogHash, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var hash)
                ? hash
                : throw new ReplayException($"{path}: logHash: \"{content.LogHash}\" is no hexadecimal number of 64 bits"),
            Schedule = [.. content.Schedule.Select((text, index) => ParseRun(path, text, index))],
        };
    }

    private static byte[] ReadBytes(string path)
    {
        try
        {
            return InputFile.Read(path, BytesMax);
        }
        catch (InputFileException exception)
        {
            throw new ReplayException($"{path}: {exception.Message}; allowed: a replay file, as `livebed explore` writes it");
        }
    }

    private static Content Parse(string path, byte[] text)
    {
        try
        {
            // The version first: what else a file of another one says is not for this reader.
            using var document = JsonDocument.Parse(text);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object
                || !root.TryGetProperty("format", out var format)
                || format.ValueKind != JsonValueKind.String
                || !format.ValueEquals(Format))
                throw new ReplayException($"{path}: this is no replay: \"format\" must be \"{Format}\"");
            if (!root.TryGetProperty("version", out var version)
                || version.ValueKind != JsonValueKind.Number
                || !version.TryGetInt32(out var number))
                throw new ReplayException($"{path}: \"version\" is missing or no number; this livebed reads version {Version}");
            if (number != Version)
                throw new ReplayException(
                    $"{path}: a replay of version {number}; this livebed reads version {Version}, "
                        + $"in which steps are counted differently. Search again with the scenario and seed in the file.");
            return InputJson.Read(text, (JsonTypeInfo<Content>)Options.GetTypeInfo(typeof(Content)));
        }
        catch (JsonException exception)
        {
            throw new ReplayException(
                $"{path}:{(exception.LineNumber ?? 0) + 1}: {(exception.Path is { } place ? $"{place}: " : "")}"
                    + $"{exception.Message.Split(["\n", " Path: ", " LineNumber: "], StringSplitOptions.None)[0]}");
        }
    }

    private static ScheduleRun ParseRun(string path, string text, int index)
    {
        var colon = text.LastIndexOf(": ", StringComparison.Ordinal);
        if (colon > 0 && int.TryParse(text.AsSpan(colon + 2), NumberStyles.None, CultureInfo.InvariantCulture, out var steps) && steps > 0)
            return new ScheduleRun(text[..colon], steps);
        throw new ReplayException($"{path}: schedule[{index}]: \"{text}\"; allowed: \"lane: steps\" with 1 step or more");
    }

    private sealed record Content
    {
        public required string Format { get; init; }
        public required int Version { get; init; }
        public required string Scenario { get; init; }
        public required string Protocol { get; init; }
        public string? ProtocolAssembly { get; init; }
        public required string Mutant { get; init; }
        public required SortedDictionary<string, int> Parameters { get; init; }
        public ReplayBuild? Livebed { get; init; }
        public required ulong Seed { get; init; }
        public required bool CallsArePoints { get; init; }
        public required List<string> Without { get; init; }
        public required List<string> Violates { get; init; }
        public required string LogHash { get; init; }
        public required List<string> Schedule { get; init; }
    }
}

/// <summary>A replay that cannot be read or followed; the message is one line for a person.</summary>
public sealed class ReplayException(string message) : Exception(message);
