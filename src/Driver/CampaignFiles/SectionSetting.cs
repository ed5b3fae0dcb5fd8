namespace Livebed.Driver.CampaignFiles;

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
            else if (here is ListSetting list && int.TryParse(step, out var at) && at < list.Items.Count) (here, origin) = (list.Items[at], list.Items[at].Origin);
            else break;
        }

        return origin;
    }

    /// <summary>One key, where it stands, and what it holds.</summary>
    internal sealed record Entry(string Key, Origin Origin, Setting Value);
}
