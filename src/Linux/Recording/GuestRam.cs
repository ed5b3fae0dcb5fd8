using System.Globalization;
using Livebed.Linux.Processes;

namespace Livebed.Linux.Recording;

/// <summary>
/// Which mappings of a virtual machine's process are the guest's RAM. QEMU and cloud-hypervisor say its size among their arguments, and it
/// is a mapping of exactly so many bytes; Firecracker is told it elsewhere, and its RAM is the largest mapping of no file.
/// </summary>
internal static class GuestRam
{
    private const ulong Least = 1 << 20;
    private const ulong QemuDefault = 128 << 20;

    private static readonly string[] _known = ["qemu", "kvm", "firecracker", "cloud-hyperviso"];

    /// <exception cref="RecordingException">It is no such process, or has no such memory.</exception>
    public static RecordedMemory Of(int process)
    {
        var name = ProcessStatus.Of(process)?.Name ?? throw new RecordingException("it has ended", isPassing: true);
        var arguments = File.ReadAllText($"/proc/{process}/cmdline").Split('\0', StringSplitOptions.RemoveEmptyEntries);
        return Of(name, arguments, ProcessMapping.Of(process));
    }

    /// <param name="name">of the program, at most 15 characters</param>
    /// <param name="arguments">the program's own name first</param>
    /// <param name="mappings">of the process</param>
    /// <exception cref="RecordingException">It is no such process, or has no such memory.</exception>
    public static RecordedMemory Of(string name, IReadOnlyList<string> arguments, IReadOnlyList<ProcessMapping> mappings)
    {
        if (!_known.Any(known => name.Contains(known, StringComparison.Ordinal)))
            throw new RecordingException($"'{name}' is no virtual machine; allowed: QEMU, Firecracker or cloud-hypervisor, or without "
                + "--guest");
        var candidates = mappings.Where(mapping => mapping is { IsWritable: true, IsOfKernel: false } && IsMemory(mapping)).ToList();
        var sizes = name.StartsWith("firecracker", StringComparison.Ordinal) ? [] : SizesOf(name, arguments);
        if (sizes.Count == 0) return Largest(name, candidates);
        var ranges = new List<ProcessMapping>();
        foreach (var size in sizes)
        {
            var found = candidates.Except(ranges).Where(mapping => mapping.Bytes == size).ToList();
            if (found.Count == 0) throw new RecordingException(
                $"'{name}' has no mapping of {Bytes(size)}, which its arguments say; allowed: without --guest");
            ranges.Add(found[0]);
        }

        return Described(name, ranges);
    }

    /// <summary>RAM that has been given sizes of its own (memory backends) is the sum of these.</summary>
    private static List<ulong> SizesOf(string name, IReadOnlyList<string> arguments)
    {
        var (total, parts) = (0UL, new List<ulong>());
        for (var index = 1; index < arguments.Count; index++)
        {
            var next = index + 1 < arguments.Count ? arguments[index + 1] : "";
            if (arguments[index] is "-m" or "--m" or "--memory" or "-memory") total = SizeOf(next, "size");
            if (arguments[index] is "-object" or "--object" or "--memory-zone"
                && (next.Contains("memory-backend-", StringComparison.Ordinal) || arguments[index] == "--memory-zone")
                && SizeOf(next, "size") is > 0 and var part)
                parts.Add(part);
        }

        if (total == 0 && parts.Count == 0 && !name.StartsWith("cloud", StringComparison.Ordinal)) total = QemuDefault;
        return parts.Count > 0 && (total == 0 || parts.Aggregate(0UL, (sum, part) => sum + part) == total) ? parts
            : total > 0 ? [total] : [];
    }

    /// <summary>As in 512, 4G, size=4G,slots=2 or {"size":4294967296}; a number alone is MiB, but bytes in JSON. 0 where there is
    /// none.</summary>
    internal static ulong SizeOf(string text, string key)
    {
        if (text.StartsWith('{'))
        {
            var at = text.IndexOf($"\"{key}\":", StringComparison.Ordinal);
            var digits = at < 0 ? "" : string.Concat(text[(at + key.Length + 3)..].TakeWhile(char.IsAsciiDigit));
            return ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) ? bytes : 0;
        }

        var parts = text.Split(',');
        var value = parts.FirstOrDefault(part => part.StartsWith(key + "=", StringComparison.Ordinal))?[(key.Length + 1)..]
            ?? (parts[0].Contains('=', StringComparison.Ordinal) || !char.IsAsciiDigit(parts[0].FirstOrDefault()) ? "" : parts[0]);
        var number = string.Concat(value.TakeWhile(char.IsAsciiDigit));
        var shift = value[number.Length..].ToUpperInvariant() switch
        {
            "" or "M" or "MB" or "MIB" => 20,
            "K" or "KB" or "KIB" => 10,
            "G" or "GB" or "GIB" => 30,
            "T" or "TB" or "TIB" => 40,
            "B" => 0,
            _ => -1,
        };
        return shift >= 0 && ulong.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var size)
            && size <= ulong.MaxValue >> shift
            ? size << shift
            : 0;
    }

    private static RecordedMemory Largest(string name, List<ProcessMapping> candidates)
    {
        var largest = candidates.OrderByDescending(mapping => mapping.Bytes).FirstOrDefault();
        return largest.Bytes >= Least
            ? Described(name, [largest])
            : throw new RecordingException($"'{name}' has no mapping that could be a guest's RAM; allowed: without --guest");
    }

    /// <summary>Pages are numbered in the order of their addresses.</summary>
    private static RecordedMemory Described(string name, List<ProcessMapping> ranges) => new(
        [.. ranges.OrderBy(range => range.Start)],
        $"guest RAM of {name}, {Bytes(ranges.Aggregate(0UL, (sum, range) => sum + range.Bytes))}");

    /// <summary>Anonymous memory, a memory file, or a file of a file system of huge pages.</summary>
    private static bool IsMemory(ProcessMapping mapping) => mapping.Name.Length == 0
        || mapping.Name.StartsWith("/memfd:", StringComparison.Ordinal) || mapping.Name.StartsWith("/dev/", StringComparison.Ordinal)
        || mapping.Name.StartsWith("/anon_hugepage", StringComparison.Ordinal)
        || mapping.Name.StartsWith("[anon", StringComparison.Ordinal);

    private static string Bytes(ulong bytes) => string.Create(
        CultureInfo.InvariantCulture, $"{(bytes % (1 << 20) == 0 ? bytes >> 20 : bytes / 1048576.0):0.###} MiB");
}
