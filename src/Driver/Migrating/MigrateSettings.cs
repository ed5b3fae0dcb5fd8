using System.CommandLine;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Errors;
using Livebed.Driver.Predicting;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Migrating;

/// <summary>What may be set of the migration in every row, as keys of the campaign; what is not given is the campaign's. With these
/// `migrate` runs what `advise` chooses.</summary>
/// <param name="Keys">keys and values, which replace those of link and strategy</param>
internal sealed record MigrateSettings(IReadOnlyList<(string Key, string Value)> Keys);

/// <summary>What a row must keep, all counted; null where nothing is asked for.</summary>
/// <param name="DowntimeMilliseconds">the guest stands still for no longer</param>
/// <param name="TimeMilliseconds">it is over by then</param>
internal sealed record MigrateGoals(double? DowntimeMilliseconds, double? TimeMilliseconds)
{
    public bool AreThere => DowntimeMilliseconds is not null || TimeMilliseconds is not null;
}

/// <summary>The options of `migrate` that set one thing in every row.</summary>
internal sealed class MigrateSettingOptions
{
    /// <summary>Of the campaign, beside the time limit: bring-up, start of the migration, and what post-copy still pushes then.</summary>
    private static readonly TimeSpan _besideTimeLimit = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan _least = TimeSpan.FromMinutes(3);
    private static readonly ValueKind<TimeSpan> _duration = ValueKinds.Duration(TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(1));

    private readonly Option<string?> _speed = Text("--speed", "0.1", "recorded seconds that the guest replays in one [0.1]");
    private readonly Option<string?> _maxBandwidth = Text(
        "--max-bandwidth", "RATE", "cap of a migration while its guest runs; 0 is the link's [the link's]");
    private readonly Option<string?> _downtime = Text("--downtime", "300ms", "the downtime limit [300ms]");
    private readonly Option<string?> _channels = Text("--channels", "N", "multifd-channels [2]");
    private readonly Option<string?> _dirtyLimit = Text(
        "--vcpu-dirty-limit", "RATE", "strategy dirty-limit: what a vCPU may dirty in a second [a quarter of the link]");
    private readonly Option<string?> _postcopyAfter = Text(
        "--postcopy-after", "ROUNDS", "strategy post-copy: after so many rounds [1]");
    private readonly Option<string?> _timeLimit = Text("--time-limit", "30s", "when --timeout-action is taken [30s]");
    private readonly Option<string?> _timeoutAction = Text(
        "--timeout-action", "cancel|suspend|postcopy", "what is done at the time limit [cancel]");
    private readonly Option<string?> _goalDowntime = Text("--goal-downtime", "300ms", "exit status 3 if the guest stands still for longer");
    private readonly Option<string?> _goalTime = Text("--goal-time", "120s", "exit status 3 if a migration takes longer");

    public IEnumerable<Option> All =>
    [
        _speed, _maxBandwidth, _downtime, _channels, _dirtyLimit, _postcopyAfter, _timeLimit, _timeoutAction, _goalDowntime, _goalTime,
    ];

    /// <param name="parsed">the command line</param>
    /// <param name="strategies">of the rows: an option of one strategy needs all rows to have it</param>
    /// <exception cref="UsageException">A value is not allowed.</exception>
    public MigrateSettings Read(ParseResult parsed, IReadOnlyList<MigrationStrategy> strategies)
    {
        Needs(parsed, _dirtyLimit, strategies.All(one => one == MigrationStrategy.DirtyLimit), "with --strategy dirty-limit");
        Needs(parsed, _postcopyAfter, strategies.All(one => one == MigrationStrategy.PostCopy), "with --strategy post-copy");
        var rate = OperatorUnits.Rate(0, ConvergenceLimits.BandwidthMax, "the link's");
        var keys = new List<(string, string)>();
        Add(_speed, "vms.0.guest.speed", ValueKinds.Number("speed", 0.001, 20));
        Add(_maxBandwidth, "migrations.maxBandwidth", rate);
        Add(_downtime, "migrations.downtimeLimit", _duration);
        Add(_channels, "migrations.multifdChannels", ValueKinds.Integer("channels", 1, MigrationParameters.ChannelsMax));
        Add(_dirtyLimit, "migrations.vcpuDirtyLimit", OperatorUnits.Rate(1 << 10, ConvergenceLimits.BandwidthMax));
        Add(_postcopyAfter, "migrations.postcopyAfterRounds", ValueKinds.Integer("rounds", 1, MigrationParameters.RoundsLimit));
        Add(_timeLimit, "migrations.timeLimit", _duration);
        Add(_timeoutAction, "migrations.timeoutAction", ValueKinds.Enum<TimeoutAction>());
        if (parsed.GetValue(_timeLimit) is { } text
            && Parse(_timeLimit, text, _duration) + _besideTimeLimit is var needed && needed > _least)
            keys.Add(("duration", ValueKinds.Duration(TimeSpan.Zero, TimeSpan.MaxValue).Format(needed)));
        return new MigrateSettings(keys);

        void Add<T>(Option<string?> option, string key, ValueKind<T> kind)
        {
            if (parsed.GetValue(option) is { } given) keys.Add((key, kind.Format(Parse(option, given, kind))));
        }
    }

    /// <exception cref="UsageException">A value is not allowed.</exception>
    public MigrateGoals ReadGoals(ParseResult parsed) => new(Milliseconds(parsed, _goalDowntime), Milliseconds(parsed, _goalTime));

    /// <summary>The first that is given; null for none.</summary>
    public Option<string?>? GivenOf(ParseResult parsed) =>
        All.OfType<Option<string?>>().FirstOrDefault(option => parsed.GetValue(option) is not null);

    private static double? Milliseconds(ParseResult parsed, Option<string?> option) =>
        parsed.GetValue(option) is { } text ? Parse(option, text, _duration).TotalMilliseconds : null;

    private static T Parse<T>(Option<string?> option, string text, ValueKind<T> kind) =>
        kind.Parse(text, out var value) is { } problem
            ? throw new UsageException($"{option.Name} {text}: {problem}; allowed: {kind.Allowed}")
            : value;

    private static void Needs(ParseResult parsed, Option<string?> option, bool isMet, string allowed)
    {
        if (!isMet && parsed.GetValue(option) is { } text)
            throw new UsageException($"{option.Name} {text}: means nothing here; allowed: {allowed}");
    }

    private static Option<string?> Text(string name, string value, string summary) => new(name) { HelpName = value, Description = summary };
}
