using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Livebed.Driver.Results;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Driver.Runs;

/// <summary>
/// What a verdict is judged by, beside the operations: a record of type <c>fact</c> has it as its value, with one of these fields. Owners
/// are judged again from theirs (<c>M2</c>, <c>M4</c>); what only the model sees comes with the last record.
/// </summary>
public sealed record HistoryFact
{
    private static readonly HistoryFactJson _json = new(new JsonSerializerOptions(HistoryFactJson.Default.Options)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    /// <summary>The guest of a VM that migrates begins to run on a host, or has stopped there.</summary>
    public GuestRunsFact? Runs { get; init; }

    /// <summary>The newest batch of accesses in a report of a vCPU.</summary>
    public GuestAccessedFact? Accessed { get; init; }

    /// <summary>A migration is over.</summary>
    public MigrationOverFact? Over { get; init; }

    /// <summary>A host's machine died.</summary>
    public HostDiedFact? Died { get; init; }

    /// <summary>A guest was lost in its migration.</summary>
    public GuestLostFact? Lost { get; init; }

    /// <summary>The last record: what else the verdict is of.</summary>
    public RunEndFact? End { get; init; }

    public string Write() => JsonSerializer.Serialize(this, _json.HistoryFact);

    /// <exception cref="JsonException">The text is none.</exception>
    public static HistoryFact Read(string text) =>
        JsonSerializer.Deserialize(text, _json.HistoryFact) ?? throw new JsonException("is null");
}

/// <param name="Actor">the VM's grain on that host</param>
/// <param name="Vm">as the inventory calls it</param>
/// <param name="Host">where</param>
/// <param name="Epoch">under which</param>
/// <param name="Runs">it begins; otherwise it has stopped</param>
/// <param name="At">by the machine's monotonic clock, in microseconds</param>
public sealed record GuestRunsFact(string Actor, string Vm, string Host, long Epoch, bool Runs, long At);

/// <param name="Actor">the vCPU's grain</param>
/// <param name="Epoch">of the batch</param>
/// <param name="At">when it began</param>
public sealed record GuestAccessedFact(string Actor, long Epoch, long At);

/// <param name="Vm">that migrated</param>
/// <param name="Destination">host</param>
/// <param name="Status">the last</param>
/// <param name="Reason">why it failed</param>
/// <param name="HandedOver">the VM was the destination's</param>
/// <param name="Answered">the destination said so itself</param>
/// <param name="StoodMicroseconds">how long the guest stood still, as the migration says</param>
/// <param name="At">when the driver heard of it</param>
public sealed record MigrationOverFact(
    string Vm, string Destination, MigrationStatus Status, string Reason, bool HandedOver, bool Answered, long StoodMicroseconds, long At)
{
    public static MigrationOverFact Of(string vm, string destination, MigrationInfo info, long at) => new(
        vm, destination, info.Status, info.Reason, info.IsHandedOver, info.IsTakeOverAnswered,
        info.DowntimeMicroseconds + info.CheckMicroseconds, at);

    /// <summary>As far as owners are judged by it.</summary>
    public MigrationInfo ToInfo() => new()
    {
        Status = Status,
        Reason = Reason,
        IsTakeOverAnswered = Answered,
        DowntimeMicroseconds = StoodMicroseconds,
        Steps = HandedOver ? [new MigrationStep(MigrationStatus.PostcopyActive, 0)] : [],
    };
}

/// <param name="Host">which</param>
/// <param name="Heard">when it was last heard of</param>
/// <param name="At">when it died</param>
public sealed record HostDiedFact(string Host, long Heard, long At);

/// <param name="Vm">as the inventory calls it</param>
/// <param name="At">when the driver heard of it</param>
public sealed record GuestLostFact(string Vm, long At);

/// <summary>What the verdict is of beside the owners, and how whole the history is.</summary>
public sealed record RunEndFact
{
    /// <summary>Records before this one.</summary>
    public required long Records { get; init; }

    /// <summary>Records that the bounds of the history kept out.</summary>
    public required long Dropped { get; init; }

    /// <summary>SHA-256 of the bytes before this record, as hexadecimal digits.</summary>
    public required string Digest { get; init; }

    /// <summary>How far owners were judged.</summary>
    public required OwnersJudged Owners { get; init; }
    public required double DurationSeconds { get; init; }
    public required double? WarmUpSeconds { get; init; }
    public required bool Interrupted { get; init; }
    public required IReadOnlyList<string> ContactLost { get; init; }
    public required IReadOnlyList<SiloResult> Silos { get; init; }
    public required Counters.Counts Counts { get; init; }
    public required IReadOnlyDictionary<string, long> Reached { get; init; }
    public required DeliveredLoad Load { get; init; }
    public required IReadOnlyList<HangResult> Hangs { get; init; }

    /// <summary>Of all checks but those of the owners, which are judged again.</summary>
    public required IReadOnlyList<ViolationResult> Violations { get; init; }

    public required LeakResult Leaks { get; init; }
    public required IReadOnlyList<NemesisResult> Nemesis { get; init; }
    public required int FaultsNotBegun { get; init; }

    /// <param name="outcome">of the run</param>
    /// <param name="whole">how whole the history is</param>
    public static RunEndFact Of(RunOutcome outcome, HistoryEnd whole) => new()
    {
        Records = whole.Records,
        Dropped = whole.Dropped,
        Digest = whole.Digest,
        Owners = outcome.Owners,
        DurationSeconds = outcome.DurationSeconds,
        WarmUpSeconds = outcome.WarmUpSeconds,
        Interrupted = outcome.Interrupted,
        ContactLost = outcome.ContactLost,
        Silos = outcome.Silos,
        Counts = outcome.Counts,
        Reached = outcome.Reached,
        Load = outcome.Load,
        Hangs = outcome.Hangs,
        Violations = [.. outcome.Violations.Where(violation => !violation.IsOfOwners)],
        Leaks = outcome.Leaks,
        Nemesis = outcome.Nemesis,
        FaultsNotBegun = outcome.FaultsNotBegun,
    };

    /// <param name="owners">what judging the owners again has found</param>
    public RunOutcome ToOutcome(IEnumerable<Violation> owners) => new()
    {
        Owners = Owners,
        DurationSeconds = DurationSeconds,
        WarmUpSeconds = WarmUpSeconds,
        Interrupted = Interrupted,
        ContactLost = ContactLost,
        Silos = Silos,
        Counts = Counts,
        Reached = Reached,
        Load = Load,
        Hangs = Hangs,
        Violations = [.. Violations, .. owners.Select(violation => ViolationResult.From(violation, ViolationResult.OwnersSilo))],
        Leaks = Leaks,
        Nemesis = Nemesis,
        FaultsNotBegun = FaultsNotBegun,
    };
}

/// <summary>The generated serialiser of facts.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    Converters = [typeof(KebabCase<MigrationStatus>), typeof(KebabCase<Kvm.Locks.HangKind>)])]
[JsonSerializable(typeof(HistoryFact))]
internal sealed partial class HistoryFactJson : JsonSerializerContext;
