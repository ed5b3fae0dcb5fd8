using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Livebed.Driver.CampaignFiles;

/// <summary>A key that holds a list of sections, with at least one item and at most <paramref name="max"/>.</summary>
internal sealed class ListKey<T, TItem>(string name, Section<TItem> section, Func<T, List<TItem>> get, int max, string what) : Key<T>(name)
{
    public override void Read(T target, SectionSetting.Entry entry, string path)
    {
        var allowed = $"a list of 1 to {max} {what}";
        if (entry.Value is not ListSetting list) throw entry.Origin.Problem(path, $"is {entry.Value.What}, not a list", allowed);
        if (list.Items.Count == 0 || list.Items.Count > max) throw entry.Origin.Problem(path, $"has {list.Items.Count} items", allowed);
        var items = get(target);
        for (var i = 0; i < list.Items.Count; i++)
        {
            var item = section.Create();
            section.Read(item, list.Items[i], $"{path}.{i}");
            items.Add(item);
        }
    }

    public override void Write(T source, IEmitter emitter)
    {
        emitter.Emit(new SequenceStart(AnchorName.Empty, TagName.Empty, isImplicit: true, SequenceStyle.Block));
        foreach (var item in get(source)) section.Write(item, emitter);
        emitter.Emit(new SequenceEnd());
    }

    public override IEnumerable<KeyDocumentation> Document(string prefix, T defaults) => section.Document($"{prefix}{Name}[].");
}
