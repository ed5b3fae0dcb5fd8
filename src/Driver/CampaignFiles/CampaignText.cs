using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Errors;
using Livebed.Kvm.Files;

namespace Livebed.Driver.CampaignFiles;

/// <summary>A campaign as its text says it, key by key, with nothing known of their meaning: for comparing two.</summary>
internal static class CampaignText
{
    private const long FileBytesMax = 1 << 20;

    /// <param name="path">of a campaign</param>
    /// <param name="label">as errors name it</param>
    /// <returns>value by dotted path, as in <c>vms.0.vcpus</c></returns>
    /// <exception cref="UsageException">The file cannot be read, or is no campaign.</exception>
    public static SortedDictionary<string, string> Read(string path, string label)
    {
        byte[] text;
        try
        {
            text = InputFile.Read(path, FileBytesMax);
        }
        catch (InputFileException e)
        {
            throw new UsageException($"{label}: {e.Message}; allowed: the campaign.yaml of a run");
        }

        var values = new SortedDictionary<string, string>(StringComparer.Ordinal);
        using var reader = new StreamReader(new MemoryStream(text));
        Add(values, "", SettingParser.Parse(reader, label));
        return values;
    }

    private static void Add(SortedDictionary<string, string> values, string path, Setting setting)
    {
        var prefix = path.Length == 0 ? "" : path + ".";
        switch (setting)
        {
            case SectionSetting section:
                foreach (var entry in section.Entries) Add(values, prefix + entry.Key, entry.Value);
                break;
            case ListSetting list:
                for (var i = 0; i < list.Items.Count; i++) Add(values, $"{prefix}{i}", list.Items[i]);
                break;
            case ValueSetting value:
                values[path] = value.Text;
                break;
        }
    }
}
