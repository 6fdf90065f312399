-- Drives Neovim's own client: diagnostics, a fix, completion, a new name over two files, formatting. Runs in 0.7 and later.
local root = os.getenv("PROJECT")
local main, lib = root .. "/main.plan", root .. "/lib.plan"

local function fail(why)
  io.stderr:write("failed: " .. why .. "\n")
  vim.cmd("cquit 1")
end

local function wait(what, done)
  if not vim.wait(30000, done, 20) then
    fail("no " .. what)
  end
end

local function lines(buffer)
  return table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, false), "\n")
end

local function expect(what, found, wanted)
  if not string.find(found, wanted, 1, true) then
    fail(what .. ": no `" .. wanted .. "` in\n" .. found)
  end
end

local function drive()
  vim.o.hidden = true
  vim.cmd("edit " .. main)
  local buffer = vim.api.nvim_get_current_buf()
  local client = vim.lsp.start_client({ name = "aos", cmd = { os.getenv("AOS"), "lsp" }, root_dir = root })
  if not client then
    fail("the server does not start")
  end
  vim.lsp.buf_attach_client(buffer, client)

  -- Diagnostics.
  wait("diagnostics", function() return #vim.diagnostic.get(buffer) == 1 end)
  local found = vim.diagnostic.get(buffer)[1]
  expect("diagnostic", found.message, "`anser` is not declared")
  if found.lnum ~= 5 or found.col ~= 15 then
    fail("the diagnostic stands at " .. found.lnum .. ":" .. found.col)
  end

  -- A fix, by the editor's own code action; its menu is answered with the first entry.
  vim.ui.select = function(items, _, choose) choose(items[1], 1) end
  vim.api.nvim_win_set_cursor(0, { 6, 16 })
  vim.lsp.buf.code_action()
  wait("fix", function() return string.find(lines(buffer), "= answer", 1, true) ~= nil end)
  wait("clean file", function() return #vim.diagnostic.get(buffer) == 0 end)

  -- Completion: what the server gives, as the editor would show it.
  vim.api.nvim_buf_set_lines(buffer, 5, 5, false, { "  step more = htt" })
  local position = { line = 5, character = 17 }
  local document = { uri = vim.uri_from_bufnr(buffer) }
  local answers = vim.lsp.buf_request_sync(buffer, "textDocument/completion", { textDocument = document, position = position }, 30000)
  local result = answers and answers[client] and answers[client].result
  if not result then
    fail("no completion")
  end
  local words = {}
  for _, item in ipairs(vim.lsp.util.text_document_completion_list_to_complete_items(result, "htt")) do
    table.insert(words, item.word)
  end
  expect("completion", table.concat(words, " "), "http.get")
  vim.api.nvim_buf_set_lines(buffer, 5, 6, false, {})

  -- A new name, over two files, one of them not open.
  vim.api.nvim_win_set_cursor(0, { 5, 17 })
  vim.lsp.buf.rename("double")
  wait("new name", function() return string.find(lines(buffer), "double(id: id)", 1, true) ~= nil end)
  local other = vim.uri_to_bufnr(vim.uri_from_fname(lib))
  vim.fn.bufload(other)
  expect("the other file", lines(other), "plan double(id: int)")
  -- Not saved: until it is open here, the server knows the file as it lies on the disk.
  vim.lsp.buf_attach_client(other, client)
  wait("clean files", function() return #vim.diagnostic.get(buffer) == 0 and #vim.diagnostic.get(other) == 0 end)

  -- Formatting.
  if vim.lsp.buf.format then
    vim.lsp.buf.format({ async = false, timeout_ms = 30000, bufnr = buffer })
  else
    vim.lsp.buf.formatting_sync(nil, 30000)
  end
  expect("formatting", lines(buffer), "\n  let text = answer\n")

  -- A hover comes as Markdown.
  local hover = vim.lsp.buf_request_sync(buffer, "textDocument/hover", { textDocument = document, position = { line = 4, character = 17 } }, 30000)
  expect("hover", hover[client].result.contents.value, "Twice.")

  vim.lsp.stop_client(client)
  wait("end", function() return vim.lsp.client_is_stopped(client) end)
  io.stdout:write("Neovim " .. tostring(vim.version().major) .. "." .. tostring(vim.version().minor) .. ": all is well\n")
  vim.cmd("qall!")
end

local ok, why = pcall(drive)
if not ok then
  fail(tostring(why))
end
