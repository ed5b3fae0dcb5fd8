using Livebed.Driver.Errors;

namespace Livebed.Driver.CampaignKeys;

/// <summary>A node of a campaign file before anything is known of its meaning: a value, a section or a list, and where it stands.</summary>
internal abstract class Setting(Origin origin)
{
    public Origin Origin { get; } = origin;

    /// <summary>"a value", "a section" or "a list".</summary>
    public abstract string What { get; }
}

/// <summary>A scalar as it was written; <paramref name="quoted"/> makes it text, whatever it looks like.</summary>
internal sealed class ValueSetting(Origin origin, string text, bool quoted) : Setting(origin)
{
    public string Text { get; } = text;
    public bool Quoted { get; } = quoted;

    /// <summary>Nothing was written, or null.</summary>
    public bool IsEmpty => Text.Length == 0 && !Quoted;

    public override string What => IsEmpty ? "empty" : "a value";
}

/// <summary>A list; its items are addressed by their number from 0.</summary>
internal sealed class ListSetting(Origin origin, List<Setting> items) : Setting(origin)
{
    public List<Setting> Items { get; } = items;
    public override string What => "a list";
}

/// <summary>A mapping in the order of the file. No key is in it twice.</summary>
internal sealed class SectionSetting(Origin origin) : Setting(origin)
{
    private readonly List<Entry> _entries = [];

    public IReadOnlyList<Entry> Entries => _entries;
    public override string What => "a section";

    public Entry? Find(string key) => _entries.Find(entry => entry.Key == key);

    public void Add(Entry entry) => _entries.Add(entry);

    /// <summary>Puts an entry in the place of the one with its key, or at the end.</summary>
    public void Replace(Entry entry)
    {
        var at = _entries.FindIndex(existing => existing.Key == entry.Key);
        if (at < 0) _entries.Add(entry);
        else _entries[at] = entry;
    }

    /// <summary>Where the setting at a dotted path stands; the nearest section above it when it is not given.</summary>
    public Origin Locate(string path)
    {
        Setting here = this;
        var origin = Origin;
        foreach (var step in path.Split('.'))
        {
            if (here is SectionSetting section && section.Find(step) is { } entry) (here, origin) = (entry.Value, entry.Origin);
            else if (here is ListSetting list && int.TryParse(step, out var at) && at < list.Items.Count)
                (here, origin) = (list.Items[at], list.Items[at].Origin);
            else break;
        }

        return origin;
    }

    /// <summary>One key, where it stands, and what it holds.</summary>
    internal sealed record Entry(string Key, Origin Origin, Setting Value);
}

/// <summary>Where a setting stands, as error messages name it: "campaigns/default.yaml:12", or the option of the command line that gave
/// it.</summary>
internal sealed record Origin(string Text, bool FromCommandLine = false)
{
    public static Origin Line(string file, long line) => new($"{file}:{line}");

    /// <summary>The one form that all errors about settings have.</summary>
    public UsageException Problem(string key, string problem, string allowed) => new($"{Text}: {key}: {problem}; allowed: {allowed}");

    public override string ToString() => Text;
}
