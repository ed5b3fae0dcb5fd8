using System.Globalization;
using System.Text.RegularExpressions;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Explaining;

/// <summary>Output of <c>virsh domjobinfo</c>, again and again: a block for each call, which begins with the job's type. Sizes have virsh's
/// units, which are powers of 1024.</summary>
internal static partial class DomjobinfoLog
{
    private static readonly Dictionary<string, double> _units = new(StringComparer.Ordinal)
    {
        [""] = 1,
        ["B"] = 1,
        ["bytes"] = 1,
        ["KiB"] = 1L << 10,
        ["MiB"] = 1L << 20,
        ["GiB"] = 1L << 30,
        ["TiB"] = 1L << 40,
        ["ms"] = 1,
        ["s"] = 1_000,
        ["pages/s"] = 1,
        ["%"] = 1,
    };

    public static MeasuredMigration Read(string name, string text)
    {
        var (moments, status, downtime) = (new List<LogMoment>(), (string?)null, (double?)null);
        var block = new Dictionary<string, double>(StringComparer.Ordinal);
        var number = 0;
        foreach (var line in text.Split('\n'))
        {
            number++;
            if (Entry().Match(line) is not { Success: true } match) continue;
            var (key, value) = (match.Groups["key"].Value, match.Groups["value"].Value);
            if (key == "Job type")
            {
                End();
                status = value.StartsWith("Completed", StringComparison.Ordinal) ? "completed"
                    : value.StartsWith("Failed", StringComparison.Ordinal) ? "failed"
                    : value.StartsWith("Cancelled", StringComparison.Ordinal) ? "cancelled"
                    : value.StartsWith("None", StringComparison.Ordinal) ? status ?? "none"
                    : "active";
                continue;
            }

            if (Quantity().Match(value) is not { Success: true } quantity) continue;
            if (!_units.TryGetValue(quantity.Groups["unit"].Value, out var unit))
            {
                // Speeds and what else is not used here.
                continue;
            }

            if (!double.TryParse(
                quantity.Groups["number"].Value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var read)
                || read > 1e12)
                throw MigrationLog.Bad(name, number, $"{key} is '{quantity.Groups["number"].Value}'");
            block[key] = read * unit;
        }

        End();
        return new MeasuredMigration(
            moments, string.Create(CultureInfo.InvariantCulture, $"{moments.Count} blocks of virsh domjobinfo"), status,
            status == "completed" ? downtime : null, ThresholdBytes: null);

        void End()
        {
            if (block.TryGetValue("Time elapsed", out var time) && moments.Count <= MigrationLog.MomentsMax)
                moments.Add(new LogMoment(
                    time, (int?)Of("Iteration"), (long?)(Of("Memory processed") ?? Of("Data processed")),
                    (long?)(Of("Memory remaining") ?? Of("Data remaining")), (long?)Of("Constant pages"), Of("Dirty rate"),
                    (int?)Of("Auto converge throttle")));
            downtime = Of("Total downtime") ?? Of("Downtime") ?? downtime;
            block.Clear();
        }

        double? Of(string key) => block.TryGetValue(key, out var value) ? value : null;
    }

    [GeneratedRegex(@"\A\s*(?<key>[A-Z][A-Za-z/ ]{2,40}):\s+(?<value>\S.{0,80}?)\s*\z")]
    private static partial Regex Entry();

    [GeneratedRegex(@"\A(?<number>[0-9]{1,18}(\.[0-9]{1,9})?)(\s+(?<unit>\S+))?\z")]
    private static partial Regex Quantity();
}
