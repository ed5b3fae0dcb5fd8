using System.Globalization;
using System.Text;
using Livebed.Driver.Errors;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Explaining;

/// <summary>
/// A log of a real migration, in any of three forms, told apart by what stands in it: replies of QMP's <c>query-migrate</c>, output of
/// <c>virsh domjobinfo</c>, or QEMU's trace events. Other lines between them are passed over. Nothing in it is trusted.
/// </summary>
internal static class MigrationLog
{
    /// <summary>Longest log in bytes.</summary>
    public const int BytesMax = 64 << 20;

    /// <summary>Most moments of a log: more than a day of polls each second.</summary>
    public const int MomentsMax = 100_000;

    private const string Allowed =
        "replies of query-migrate, output of virsh domjobinfo, or QEMU's trace events (docs/your-vm.md), of one migration";

    /// <param name="name">as it was given: a regular file</param>
    /// <param name="folder">from which it is named</param>
    /// <exception cref="UsageException">It cannot be read, or is no such log.</exception>
    public static MeasuredMigration Read(string name, string folder)
    {
        var text = TextOf(name, folder);
        var measured = text.Contains("migration_bitmap_sync_end", StringComparison.Ordinal) ? QemuTraceLog.Read(name, text)
            : text.Contains("Job type:", StringComparison.Ordinal) ? DomjobinfoLog.Read(name, text)
            : text.Contains("\"dirty-sync-count\"", StringComparison.Ordinal) ? QueryMigrateLog.Read(name, text)
            : throw Bad(name, "is no log of a migration that is known here");
        if (measured.Moments.Count == 0) throw Bad(name, "has no moment of a migration");
        if (measured.Moments.Count > MomentsMax) throw Bad(name, $"has more than {MomentsMax} moments");
        for (var index = 1; index < measured.Moments.Count; index++)
            if (measured.Moments[index].Milliseconds < measured.Moments[index - 1].Milliseconds
                || measured.Moments[index].Syncs < measured.Moments[index - 1].Syncs)
                throw Bad(
                    name, $"goes back in time after {measured.Moments[index - 1].Milliseconds.ToString(CultureInfo.InvariantCulture)} ms");
        return measured;
    }

    public static UsageException Bad(string name, string problem) => new($"explain {name}: {problem}; allowed: {Allowed}");

    public static UsageException Bad(string name, int line, string problem) =>
        Bad(name, string.Create(CultureInfo.InvariantCulture, $"line {line}: {problem}"));

    private static string TextOf(string name, string folder)
    {
        try
        {
            var path = Path.GetFullPath(name, folder);
            // A pipe or a device might never end.
            if (!File.Exists(path)) throw Bad(name, "is no file");
            if (new FileInfo(path) is { Length: > BytesMax }) throw Bad(name, $"has more than {BytesMax} bytes");
            using var file = File.OpenRead(path);
            if (!file.CanSeek) throw Bad(name, "is no regular file");
            using var reader = new StreamReader(file, new UTF8Encoding(false, throwOnInvalidBytes: true));
            // No more characters than it has bytes; what is added meanwhile is left out.
            var buffer = new char[file.Length];
            return new string(buffer, 0, reader.ReadBlock(buffer));
        }
        catch (DecoderFallbackException)
        {
            throw Bad(name, "is no UTF-8 text");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw Bad(name, $"cannot be read ({exception.Message})");
        }
    }
}
