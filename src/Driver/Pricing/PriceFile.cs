using System.Text;
using Livebed.Driver.CampaignFiles;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Errors;
using Livebed.Explorer.Pricing;
using Livebed.Kvm.Files;

namespace Livebed.Driver.Pricing;

/// <summary>
/// Reads a price list, given by path or by the name of a shipped one. Every step has a price, a range around it, and either a source or an
/// estimate. Whatever is wrong is one <see cref="UsageException"/> that names file, line and key.
/// </summary>
internal static class PriceFile
{
    public const string Folder = "prices";
    public const string Usual = "x86-2021";

    private const string Page = "docs/price.md";
    private const long FileBytesMax = 1 << 18;
    private const int TextMax = 400;

    private static readonly ValueKind<long> _nanoseconds = ValueKinds.Long("nanoseconds", 0, PriceList.NanosecondsMax);

    /// <summary>The names that can be given instead of a path.</summary>
    public static IReadOnlyList<string> Names(CampaignFolders folders) => [.. FoldersOf(folders)
        .Where(Directory.Exists)
        .SelectMany(folder => Directory.EnumerateFiles(folder, "*.yaml"))
        .Select(file => Path.GetFileNameWithoutExtension(file))
        .Distinct(StringComparer.Ordinal)
        .Order(StringComparer.Ordinal)];

    /// <exception cref="UsageException">There is none, or it is wrong.</exception>
    public static PriceList Read(string given, CampaignFolders folders)
    {
        var path = Find(given, folders) ?? throw new UsageException(
            $"{given}: there is no such price list; allowed: a file, or one of {string.Join(", ", Names(folders))}");
        var settings = Parse(path, folders.Label(path));
        var machine = TextOf(settings, settings, "machine");
        var broadcasts = Parsed(settings, settings, "broadcasts-flushes", "broadcasts-flushes", ValueKinds.Flag());
        OnlyKnown(settings, "", ["machine", "broadcasts-flushes", "prices"]);
        if (Required(settings, settings, "prices", "prices") is not SectionSetting prices)
            throw settings.Find("prices")!.Origin.Problem("prices", "is no section", "a price for each step");
        OnlyKnown(prices, "prices.", PriceNames.All.Select(PriceNames.NameOf).ToList());
        return new PriceList(
            Path.GetFileNameWithoutExtension(path), machine, broadcasts,
            [.. PriceNames.All.Select(price => EntryOf(settings, prices, price))]);
    }

    private static IEnumerable<string> FoldersOf(CampaignFolders folders) =>
        [Path.Combine(folders.Current, Folder), Path.Combine(Path.GetDirectoryName(folders.Shipped) ?? folders.Shipped, Folder)];

    private static string? Find(string given, CampaignFolders folders)
    {
        var path = Path.GetFullPath(given, folders.Current);
        if (File.Exists(path)) return path;
        if (Path.GetFileName(given) != given) return null;
        return FoldersOf(folders).Select(folder => Path.Combine(folder, given + ".yaml")).FirstOrDefault(File.Exists);
    }

    private static SectionSetting Parse(string path, string label)
    {
        try
        {
            using var bytes = new MemoryStream(InputFile.Read(path, FileBytesMax));
            using var text = new StreamReader(bytes, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true));
            return SettingParser.Parse(text, label, "price list", Page);
        }
        catch (DecoderFallbackException)
        {
            throw new UsageException($"{label}: the file is not UTF-8 text; allowed: a YAML file");
        }
        catch (InputFileException e)
        {
            throw new UsageException($"{label}: {e.Message}; allowed: a readable YAML file of at most {FileBytesMax} bytes");
        }
    }

    private static PriceEntry EntryOf(SectionSetting file, SectionSetting prices, Price price)
    {
        var name = PriceNames.NameOf(price);
        var path = $"prices.{name}";
        if (Required(file, prices, name, path) is not SectionSetting entry)
            throw prices.Find(name)!.Origin.Problem(path, "is no section", "ns, range, and source or estimate");
        OnlyKnown(entry, $"{path}.", ["ns", "range", "source", "estimate"]);
        var nanoseconds = Parsed(file, entry, "ns", $"{path}.ns", _nanoseconds);
        if (Required(file, entry, "range", $"{path}.range") is not ListSetting { Items: [ValueSetting low, ValueSetting high] } range)
            throw entry.Find("range")!.Origin.Problem($"{path}.range", "is no range", "two whole numbers, as in [20, 60]");
        var (least, most) = (Parsed(low, $"{path}.range.0", _nanoseconds), Parsed(high, $"{path}.range.1", _nanoseconds));
        if (least > nanoseconds || nanoseconds > most)
            throw range.Origin.Problem($"{path}.range", $"is {least} to {most}, and ns is {nanoseconds}", "a range that ns lies in");
        var isEstimate = entry.Find("source") is null;
        if (isEstimate == (entry.Find("estimate") is null))
            throw entry.Origin.Problem(path, isEstimate ? "has no source" : "has a source and an estimate", "source, or estimate");
        return new PriceEntry(
            nanoseconds, least, most, TextOf(file, entry, isEstimate ? "estimate" : "source", $"{path}."), isEstimate);
    }

    private static Setting Required(SectionSetting file, SectionSetting section, string key, string path) =>
        section.Find(key)?.Value
            ?? throw (section == file ? file.Origin : section.Origin).Problem(path, "is missing", $"the keys in {Page}");

    private static T Parsed<T>(SectionSetting file, SectionSetting section, string key, string path, ValueKind<T> kind) =>
        Parsed(Required(file, section, key, path), path, kind);

    private static T Parsed<T>(Setting setting, string path, ValueKind<T> kind)
    {
        if (setting is not ValueSetting { Quoted: false } value) throw setting.Origin.Problem(path, $"is {setting.What}", kind.Allowed);
        return kind.Parse(value.Text, out var parsed) is { } problem ? throw setting.Origin.Problem(path, problem, kind.Allowed) : parsed;
    }

    private static string TextOf(SectionSetting file, SectionSetting section, string key, string prefix = "")
    {
        var kind = ValueKinds.Text($"1 to {TextMax} characters", TextMax);
        var setting = Required(file, section, key, prefix + key);
        if (setting is not ValueSetting { IsEmpty: false } value)
            throw setting.Origin.Problem(prefix + key, $"is {setting.What}", kind.Allowed);
        return kind.Parse(value.Text, out var text) is { } problem
            ? throw setting.Origin.Problem(prefix + key, problem, kind.Allowed)
            : text;
    }

    private static void OnlyKnown(SectionSetting section, string prefix, IReadOnlyList<string> known)
    {
        foreach (var entry in section.Entries)
            if (!known.Contains(entry.Key))
                throw entry.Origin.Problem(prefix + entry.Key, "is unknown", string.Join(", ", known));
    }
}
