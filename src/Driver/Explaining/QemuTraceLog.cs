using System.Globalization;
using System.Text.RegularExpressions;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Explaining;

/// <summary>
/// QEMU's trace events of a migration, as its log back end writes them: <c>PID@SECONDS.MICROSECONDS:event text</c> with
/// <c>-msg timestamp=on</c>, else without a time, and then the windows of the rate limit are the clock:
/// <c>migration_bitmap_sync_end</c> is a sync, <c>migrate_transferred</c> a window of 100 ms with its bytes and the threshold,
/// <c>migrate_pending*</c> what is known to be left, <c>cpu_throttle_set</c> and <c>migration_throttle</c> the throttle
/// (migration/trace-events). Other events are passed over.
/// </summary>
internal static partial class QemuTraceLog
{
    public static MeasuredMigration Read(string name, string text)
    {
        var log = new Reading(name);
        var line = 0;
        foreach (var one in text.Split('\n'))
        {
            line++;
            if (Event().Match(one) is { Success: true } match)
                log.Add(line, match.Groups["time"].Value, match.Groups["event"].Value, match.Groups["text"].Value);
        }

        return log.End();
    }

    /// <summary>What is known at the event that is being read.</summary>
    private sealed class Reading(string name)
    {
        private readonly List<LogMoment> _moments = [];
        private double? _begin;
        private double _windows;
        private double _syncAt;
        private int _syncs;
        private long _transferred;
        private long? _remaining;
        private int _throttle;
        private bool _isAfterSync;
        private double? _threshold;
        private string? _status;

        public void Add(int line, string time, string what, string text)
        {
            var now = _windows;
            if (time.Length > 0)
            {
                if (!double.TryParse(time, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds))
                    throw MigrationLog.Bad(name, line, $"'{time}' is no time");
                now = seconds * 1e3;
            }

            switch (what)
            {
                case "migration_bitmap_sync_end":
                    _begin ??= now;
                    var dirtied = Number(line, text, "dirty_pages");
                    _syncs++;
                    var passed = now - _syncAt;
                    _syncAt = now;
                    _isAfterSync = true;
                    // What was known to be left before does not hold any more.
                    _remaining = null;
                    AddMoment(now, _syncs > 1 && passed > 0 ? dirtied * 1e3 / passed : null);
                    break;
                case "migrate_transferred":
                    _transferred += Number(line, text, "transferred");
                    _windows += Number(line, text, "time_spent");
                    if (time.Length == 0) now = _windows;
                    _threshold = Number(line, text, "max_size");
                    if (_begin is not null) AddMoment(now, null);
                    break;
                case "migrate_pending" or "migrate_pending_exact" or "migrate_pending_estimate":
                    _remaining = Number(line, text, "pending size");
                    // What the sync has found is said after it.
                    if (_isAfterSync && _moments.Count > 0) _moments[^1] = _moments[^1] with { Remaining = _remaining };
                    _isAfterSync = false;
                    break;
                case "cpu_throttle_set":
                    _throttle = (int)Math.Min(100, Number(line, text, "set guest CPU throttled by"));
                    break;
                case "migration_throttle":
                    // Before there is a word of how much.
                    _throttle = Math.Max(_throttle, 1);
                    break;
                case "migrate_set_state" when text.StartsWith("new state ", StringComparison.Ordinal):
                    _status = text["new state ".Length..].Trim();
                    break;
            }
        }

        public MeasuredMigration End() => new(
            _moments, string.Create(CultureInfo.InvariantCulture, $"trace events of {_syncs} syncs"), _status, DowntimeMilliseconds: null,
            _threshold);

        private void AddMoment(double now, double? rate)
        {
            if (_moments.Count > MigrationLog.MomentsMax) return;
            _moments.Add(new LogMoment(Math.Round(now - _begin!.Value, 3), _syncs, _transferred, _remaining, null, rate, _throttle));
        }

        /// <summary>The number behind a word.</summary>
        private long Number(int line, string text, string word)
        {
            var at = text.IndexOf(word + " ", StringComparison.Ordinal);
            var digits = at < 0 ? "" : new string([.. text[(at + word.Length + 1)..].TakeWhile(char.IsAsciiDigit)]);
            return long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value < 1L << 50
                ? value
                : throw MigrationLog.Bad(name, line, $"there is no number behind '{word}'");
        }
    }

    [GeneratedRegex(@"\A\s*(?:(?:[0-9]{1,10}@)?(?<time>[0-9]{1,12}\.[0-9]{1,9}):\s*)?(?<event>[a-z_]{1,60})(?:\s+(?<text>.{0,300}))?\s*\z")]
    private static partial Regex Event();
}
